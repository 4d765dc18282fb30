import { stripVTControlCharacters } from "node:util";

/** Where the lines go: `width` in columns; Infinity where there is no terminal, so that nothing is cut or broken. */
export type Layout = Readonly<{ width: number }>;

/** Columns that the text takes on a terminal, colours not counted. */
export function columnsOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}

/** Cuts to so many columns, with `…` where something is missing. For text without colours. */
export function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1)).trimEnd()}…`;
}

/**
 * Breaks a text into lines of at most `width` columns at its spaces. The first line begins with `first`, the others
 * are set in by as many columns. A word that is longer than a line (a path, a URL) stands in a line of its own, whole.
 */
export function wrapped(text: string, width: number, first = ""): string[] {
  const indent = " ".repeat(columnsOf(first));
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = lines.length === 0 ? first : indent;
    let isEmpty = true;
    for (const word of paragraph.split(/ +/)) {
      if (!isEmpty && columnsOf(line) + 1 + columnsOf(word) > width) {
        lines.push(line);
        line = indent;
        isEmpty = true;
      }
      line += isEmpty ? word : ` ${word}`;
      isEmpty = false;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}
