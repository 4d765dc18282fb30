import type { Reproduction } from "../../reproduction.ts";
import { isBlocked, type Rest, settledText, type Trouble, troublesOf } from "../../trial/rest.ts";
import type { TrialResult } from "../../trial/result.ts";
import type { Step } from "./faults.ts";
import { inParallel } from "./pool.ts";
import { configurationOf } from "./scenario.ts";
import { type LiveExploration, type LiveSearchOptions, type Reached, searchLive, type TriedOut } from "./search.ts";

/**
 * A state in trouble, in how many trials of its sequence the same trouble showed, and in how many more states it is: in those
 * the same faults led to it, with others between them.
 */
export type LiveFinding = Reached & Readonly<{ trouble: Trouble; seen: number; trials: number; more: number }>;

export type LiveReport = LiveExploration & Readonly<{ findings: readonly LiveFinding[]; seconds: number }>;

export type LiveOptions = Omit<LiveSearchOptions, "tryOut"> &
  Readonly<{
    trials: Reproduction["trials"];
    /** A sequence that leads into trouble is carried out so often. */
    repeats: number;
    onRepeat?(faults: readonly Step[]): void;
  }>;

/** One that could not be carried out is tried once more before it is given up. */
const attempts = 2;

/** Searches, each sequence a trial, and repeats what it found: a state that shows once in three times is told as that. */
export async function exploreLive(options: LiveOptions): Promise<LiveReport> {
  const { trials, repeats, onRepeat } = options;
  const startedMs = performance.now();
  const exploration = await searchLive({
    ...options,
    tryOut: (faults, from) => firstOf(trials(configurationOf(faults)), from),
  });
  const groups = groupsOf(exploration.reached);
  // Two kinds of trouble after one sequence are seen in the same trials.
  const sequences = [...new Map(groups.map(({ state: { faults } }) => [JSON.stringify(faults), faults])).values()];
  const repeated = await inParallel(sequences, options, async (faults) => {
    onRepeat?.(faults);
    const rests: Rest[] = [];
    for await (const { rest } of limited(trials(configurationOf(faults)), repeats))
      if (rest !== undefined) rests.push(rest);
    return rests;
  });
  const restsOf = new Map(sequences.map((faults, index) => [JSON.stringify(faults), repeated[index]]));
  const findings = groups.map((group) => findingOf(group, restsOf.get(JSON.stringify(group.state.faults)) ?? []));
  return { ...exploration, findings, seconds: (performance.now() - startedMs) / 1000 };
}

type Group = Readonly<{ state: Reached; trouble: Trouble; more: number }>;

/** What a part of the faults leads to is told once, by the shortest sequence. The states come shortest first. Pure. */
export function groupsOf(reached: readonly Reached[]): readonly Group[] {
  const groups: Group[] = [];
  for (const state of reached)
    for (const trouble of troublesOf(state.rest)) {
      const index = groups.findIndex(
        (group) => group.trouble === trouble && isPartOf(group.state.faults, state.faults),
      );
      const group = groups[index];
      if (group === undefined) groups.push({ state, trouble, more: 0 });
      else groups[index] = { ...group, more: group.more + 1 };
    }
  return groups;
}

/** Whether all of it stands in the other, in the same order. */
function isPartOf(part: readonly Step[], whole: readonly Step[]): boolean {
  let next = 0;
  for (const step of whole) {
    const wanted = part[next];
    if (wanted !== undefined && isAlike(step, wanted)) next += 1;
  }
  return next === part.length;
}

/** A primary is lost as a primary, whichever node it is by then. */
function isAlike(one: Step, other: Step): boolean {
  return one.kind === other.kind && one.fault === other.fault && (one.as ?? one.on) === (other.as ?? other.on);
}

/** The trials of a sequence that is the beginning of a longer one may not show what the longer one showed on its way. */
function findingOf({ state, trouble, more }: Group, repeated: readonly Rest[]): LiveFinding {
  const rests = repeated.some((rest) => rest === state.rest) ? repeated : [state.rest, ...repeated];
  const seen = rests.filter((rest) => troublesOf(rest).includes(trouble)).length;
  return { ...state, trouble, seen, trials: rests.length, more };
}

/**
 * What was blocked on its way is that state: the faults that followed were done to another cluster than was thought. So they
 * were where writes were not accepted any more, or not yet, although they had been: that says nothing of this sequence.
 */
export async function firstOf(trials: AsyncGenerator<TrialResult>, from: Rest | undefined): Promise<TriedOut> {
  let why = "";
  for await (const { rest, passed = [], moments } of limited(trials, attempts)) {
    const after = passed.findIndex(isBlocked);
    const blocked = passed[after];
    if (blocked !== undefined)
      return { rest: { ...blocked, takeWrites: [], acknowledged: 0, lost: 0 }, after: after + 1 };
    const before = passed.at(-1);
    const isAstray = before !== undefined && from?.accepted === true && !before.accepted;
    if (rest !== undefined && !isAstray) return { rest };
    why = isAstray ? `It took another way: ${settledText(before)}` : (moments.at(-1)?.what ?? "");
  }
  return { why };
}

async function* limited(results: AsyncGenerator<TrialResult>, count: number): AsyncGenerator<TrialResult> {
  let left = count;
  for await (const result of results) {
    yield result;
    left -= 1;
    if (left <= 0) return;
  }
}
