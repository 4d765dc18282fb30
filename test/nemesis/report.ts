import { wilsonInterval } from "../../src/reproduce/statistics/interval.ts";
import type { Outcome } from "./run.ts";
import type { Result } from "./trial.ts";

/** One line for each thing that must not be, with the seed that shows it. */
export function failureLines({ seed, result, broken, folder }: Outcome): readonly string[] {
  const reasons = broken === undefined ? (result?.verdict.failures ?? []) : [`the trial broke: ${broken}`];
  return reasons.map((reason) => `seed ${seed}: ${reason.split("\n").slice(0, 4).join(" / ")} (${folder})`);
}

export function report(outcomes: readonly Outcome[]): readonly string[] {
  const results = outcomes.flatMap(({ result }) => result ?? []);
  const failed = results.filter(({ verdict }) => verdict.failures.length > 0);
  const sum = (of: (result: (typeof results)[number]) => number) => results.reduce((all, one) => all + of(one), 0);
  const [, bound] = wilsonInterval(failed.length, results.length);
  const single = results.filter(({ injected }) => injected.length === 1);
  const alone = single.filter(({ actions }) => actions.length === 0);
  const gaps = (of: typeof results) => quantilesText(of.map(({ gapMs }) => gapMs));
  const took = results.map(({ tookMs }) => tookMs);
  return [
    "",
    `trials                 ${results.length} (${outcomes.length - results.length} broken)`,
    `faults                 ${kindsText(results.flatMap(({ injected }) => injected))}`,
    `acknowledged writes    ${sum(({ acknowledged }) => acknowledged)}`,
    `lost                   ${sum(({ verdict }) => verdict.lost)}`,
    `two-primaries windows  ${sum(({ verdict }) => verdict.windows)}`,
    `no rest                ${sum(({ verdict }) => (verdict.noRest ? 1 : 0))}`,
    `hangs                  ${sum(({ verdict }) => verdict.hangs)}`,
    `false claims           ${sum(({ verdict }) => verdict.falseClaims)}`,
    `needed a person        ${sum(({ actions }) => (actions.length > 0 ? 1 : 0))}`,
    `longest client gap     ${gaps(alone)} under single faults that needed nobody (${alone.length})`,
    `                       ${gaps(single)} under all single faults (${single.length})`,
    ...gapsByKind(single),
    `a trial took           ${quantilesText(took)}`,
    `failed                 ${failed.length}, at most ${(bound * 100).toFixed(2)} % of such trials (95 %)`,
    ...(failed.length === 0 ? [] : [`seeds that failed      ${failed.map(({ schedule }) => schedule.seed).join(" ")}`]),
  ];
}

/** The kinds under which a client waited longest. */
function gapsByKind(results: readonly Result[]): readonly string[] {
  const byKind = Map.groupBy(results, ({ injected }) => injected[0] ?? "");
  return [...byKind]
    .map(([kind, of]) => ({ kind, gaps: of.map(({ gapMs }) => gapMs).sort((a, b) => a - b) }))
    .sort((a, b) => (b.gaps.at(-1) ?? 0) - (a.gaps.at(-1) ?? 0))
    .map(({ kind, gaps }) => `  ${kind.padEnd(21)}${quantilesText(gaps)}`);
}

function kindsText(kinds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}

function quantilesText(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, max ${sorted.at(-1) ?? 0} ms`;
}
