import { type Comparison, ignored } from "../../../reproduce/compare/compare.ts";
import { ranks } from "../../../reproduce/compare/rank.ts";
import { cut, wrapped } from "../../output/layout.ts";
import type { Output } from "../../output/output.ts";
import { counted } from "../../output/quantities.ts";

/** The differences by rank, each rank with its reason, what is worth more words below it; then what was not compared. */
export function tellComparison(out: Output, comparison: Comparison, labels: readonly [string, string]): void {
  const { differences, pairing, notCompared } = comparison;
  for (const { rank, why } of Object.values(ranks)) {
    const same = differences.filter((difference) => difference.rank === rank);
    if (same.length === 0) continue;
    out.text(...wrapped(why, out.layout.width, `${rank}. `).map((line) => out.style.bold(line)));
    out.table(
      same.map(({ where, nodes, left, right }) => [
        `  ${short(where, out.layout.width / 2)}${nodes === undefined ? "" : ` (${nodes.join(", ")})`}`,
        short(valueText(left), out.layout.width / 4),
        valueText(right),
      ]),
      ["  where", ...labels],
    );
    const reasons = Map.groupBy(
      same.filter((difference) => difference.why !== why),
      (difference) => difference.why,
    );
    for (const [reason, of] of reasons) {
      const names = of.map(({ where }) => where.replace(/^setting /, "")).join(", ");
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

function pairingLines(
  { pairs, how, alone }: Comparison["pairing"],
  labels: readonly [string, string],
): readonly string[] {
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

function valueText(value: string | null): string {
  return value === null ? "–" : value === "" ? "(empty)" : value;
}

/** On a terminal the columns before the last must leave room for it. */
function short(text: string, columns: number): string {
  return Number.isFinite(columns) ? cut(text, Math.max(20, Math.floor(columns))) : text;
}
