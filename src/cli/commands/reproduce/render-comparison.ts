import { printable } from "../../../base/printable.ts";
import { type Comparison, ignored } from "../../../reproduce/compare/compare.ts";
import { ranks } from "../../../reproduce/compare/rank.ts";
import { columnsOf, wrapped } from "../../output/layout.ts";
import type { Output } from "../../output/output.ts";
import { counted } from "../../output/quantities.ts";

const widthMax = 160;

type Labels = readonly [string, string];
type Difference = Comparison["differences"][number];

/** The differences by rank, each rank with its reason, what is worth more words below it; then what was not compared. */
export function tellComparison(out: Output, comparison: Comparison, labels: Labels): void {
  const { differences, pairing, notCompared } = comparison;
  for (const { rank, why } of Object.values(ranks)) {
    const same = differences.filter((difference) => difference.rank === rank);
    if (same.length === 0) continue;
    out.text(...wrapped(why, out.layout.width, `${rank}. `).map((line) => out.style.bold(line)));
    tellRank(out, same, labels);
    const reasons = Map.groupBy(
      same.filter((difference) => difference.why !== why),
      (difference) => difference.why,
    );
    for (const [reason, of] of reasons) {
      const names = of.map(({ where }) => printable(where).replace(/^setting /, "")).join(", ");
      out.text(...wrapped(`${names}: ${reason}`, out.layout.width, "    ").map((line) => out.style.dim(line)));
    }
    out.text("");
  }
  out.text(
    differences.length === 0
      ? out.style.green(`${labels[0]} and ${labels[1]} differ in nothing that was compared.`)
      : `${counted(differences.length, "difference")} between ${labels[0]} and ${labels[1]}, the most likely to matter first.`,
  );
  const told = [...pairingLines(pairing, labels), ...notCompared, ignored];
  for (const line of told) for (const one of wrapped(line, out.layout.width, "  ")) out.progress(one);
}

/** A table where all of it fits; else each value in lines of its own, for what is cut off may be what differs. */
function tellRank(out: Output, same: readonly Difference[], labels: Labels): void {
  const rows = same.map(({ where, nodes, left, right }) => [
    `  ${printable(where)}${nodes === undefined ? "" : ` (${nodes.join(", ")})`}`,
    valueText(left),
    valueText(right),
  ]);
  const header = ["  where", ...labels];
  const columns = header.map((_, column) => Math.max(...[header, ...rows].map((row) => columnsOf(row[column] ?? ""))));
  const width = columns.reduce((sum, one) => sum + one + 2, 0);
  // Without a terminal nothing is cut; but nobody reads a table that is much wider than one.
  if (width <= Math.min(out.layout.width, widthMax)) return out.table(rows, header);
  const labelWidth = Math.max(...labels.map(columnsOf));
  for (const [where = "", ...values] of rows) {
    out.text(where);
    values.forEach((value, index) => {
      out.text(...wrapped(value, out.layout.width, `    ${(labels[index] ?? "").padEnd(labelWidth)}  `));
    });
  }
}

function valueText(value: string | null): string {
  return value === null ? "–" : value === "" ? "(empty)" : printable(value);
}

function pairingLines({ pairs, how, alone }: Comparison["pairing"], labels: Labels): readonly string[] {
  const lines: string[] = [];
  const others = pairs.filter(({ left, right }) => left !== right);
  if (how === "role" && others.length > 0)
    lines.push(`Compared by role: ${others.map(({ left, right }) => `${left} with ${right}`).join(", ")}.`);
  for (const [side, label] of [
    ["left", labels[0]],
    ["right", labels[1]],
  ] as const)
    if (alone[side].length > 0) lines.push(`Of ${label} without a counterpart: ${alone[side].join(", ")}.`);
  return lines;
}
