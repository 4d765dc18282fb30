import { columnsOf, cut, type Layout, padded } from "./layout.ts";

/** A cell is its text, or a text and how to colour it once it has been cut and padded. */
export type Cell = string | Readonly<{ text: string; paint: (text: string) => string }>;

const gap = 2;

/**
 * Aligned columns. Where the terminal is too narrow the last column is cut; the others hold names, which are no use
 * when they are cut. `header` may be left out.
 */
export function renderTable(rows: readonly (readonly Cell[])[], layout: Layout, header?: readonly Cell[]): string[] {
  const all = header === undefined ? rows : [header, ...rows];
  const count = Math.max(0, ...all.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...all.map((row) => columnsOf(textOf(row[column] ?? "")))),
  );
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + gap, 0);
  const lastWidth = Math.max(12, layout.width - before);
  return all.map((row) =>
    row
      .map((cell, column) => {
        const isLast = column === row.length - 1;
        const text = isLast ? cut(textOf(cell), lastWidth) : padded(textOf(cell), (widths[column] ?? 0) + gap);
        return typeof cell === "string" ? text : cell.paint(text);
      })
      .join("")
      .trimEnd(),
  );
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}
