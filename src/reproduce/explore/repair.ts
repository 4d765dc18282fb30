import { edited } from "../../drivers/pacemaker/edit.ts";
import { infinity } from "../../drivers/pacemaker/score.ts";
import { findTogether, type Together } from "./apart.ts";
import { type Blocked, type BlockedGroup, type Cause, findBlocked } from "./blocking.ts";
import { type Change, laddersOf, type Ladder, switchesOf } from "./changes.ts";
import type { Fault } from "./faults.ts";
import { type Reached, replay, type Restless, search, type SearchOptions } from "./search.ts";
import { createSettler, type Settler } from "./settle.ts";
import { keyOf, type Scheduler } from "./state.ts";

/** A change under which no state of the search blocks, and what it costs: where resources meet that should be apart. */
export type Repair = Readonly<{
  change: Change;
  states: number;
  /** Of these, states that block all the same, each known and with another cause, which has its own repair. */
  blockedOtherwise: number;
  together: readonly Together[];
}>;

/** Why a change is none: a sequence that still blocks, or one after which the cluster now finds no rest. */
export type Refuted = Readonly<{ faults: readonly Fault[]; why: "blocked" | "restless" }>;

/** A change that looks like a repair, and the sequence of faults that refutes it. */
export type Insufficient = Refuted & Readonly<{ change: Change }>;

export type Repairs = Readonly<{
  /** The cheapest first: fewest states in which what should be apart is together. */
  sufficient: readonly Repair[];
  insufficient: readonly Insufficient[];
}>;

export type RepairOptions = Omit<SearchOptions, "settler" | "progress"> &
  Readonly<{
    settler: Settler;
    scheduler: Scheduler;
    /** All that blocks as it is: what blocks for another cause is not held against a change. */
    groups: readonly BlockedGroup[];
    /** So is what finds no rest as it is. */
    restless: readonly Restless[];
    /** The largest promotion score that the agents give, which a score must not outweigh. */
    largestScore: number;
    trying?: (change: Change) => void;
  }>;

/** What either holds in all states of the search, or is refuted by one. */
type Verdict = Readonly<{ repair: Repair } | { refuted: Refuted }>;

/**
 * Repairs of one cause. Each change is first put to the sequences that are known to block (quick), and only where these
 * pass to a whole new search, whose first blocked state joins them.
 */
export async function findRepairs(options: RepairOptions, group: BlockedGroup): Promise<Repairs> {
  const trial = createTrial(options, group);
  const sufficient: Repair[] = [];
  const insufficient: Insufficient[] = [];
  const [cause] = group.causes;
  if (cause === undefined) return { sufficient, insufficient };
  for (const change of switchesFor(options.settler, cause)) {
    const verdict = await trial.whole(change);
    if ("repair" in verdict) sufficient.push(verdict.repair);
    else insufficient.push({ change, ...verdict.refuted });
  }
  for (const ladder of laddersFor(options.settler, cause)) {
    const climbed = await climb(trial, ladder, options.largestScore);
    if (climbed.repair !== undefined) sufficient.push(climbed.repair);
    insufficient.push(...climbed.insufficient);
  }
  return { sufficient: sufficient.toSorted((a, b) => priceOf(a) - priceOf(b)), insufficient };
}

/** Whether no state blocks any more with all of these changes at once. */
export async function repairsAll(options: RepairOptions, changes: readonly Change[]): Promise<boolean> {
  const settler = changedSettler(options, changes);
  const { reached, complete } = await search({ ...options, settler });
  return complete && (await findBlocked(settler, options.scheduler, reached)).length === 0;
}

function priceOf({ together }: Repair): number {
  return together.reduce((sum, { states }) => sum + states.length, 0);
}

function switchesFor({ model }: Settler, { constraints }: Cause): readonly Change[] {
  const [first, ...others] = constraints.map((id) =>
    model.cib.constraints.filter((constraint) => constraint.id === id).flatMap(switchesOf),
  );
  return (first ?? []).flatMap((change) => {
    const also = others.map((changes) => changes.find(({ attribute }) => attribute === change.attribute));
    return also.every((each) => each !== undefined) ? [joined([change, ...also])] : [];
  });
}

function laddersFor({ model }: Settler, { constraints }: Cause): readonly Ladder[] {
  const ladders = constraints.map((id) =>
    model.cib.constraints.filter((constraint) => constraint.id === id).flatMap((each) => laddersOf(model.cib, each)),
  );
  if (ladders.length === 1) return ladders[0] ?? [];
  // Of two constraints that block together both scores are weakened to the same.
  const scores = ladders.map((each) => each.find((ladder) => ladder.at(0).attribute === "score"));
  if (!scores.every((each) => each !== undefined)) return [];
  const limit = Math.max(...scores.map((each) => each.limit));
  return [{ limit, at: (magnitude) => joined(scores.map((each) => each.at(Math.min(magnitude, each.limit)))) }];
}

function joined(changes: readonly Change[]): Change {
  const [first] = changes;
  if (first === undefined) throw new Error("a change of nothing");
  const all = (of: (change: Change) => string) => [...new Set(changes.map(of))].join(", ");
  return {
    of: all(({ of }) => of),
    attribute: first.attribute,
    from: all(({ from }) => from),
    to: all(({ to }) => to),
    edits: changes.flatMap(({ edits }) => edits),
  };
}

type Trial = Readonly<{
  /** The known sequences only: one of them that refutes it, or undefined. */
  quick(change: Change): Promise<Refuted | undefined>;
  whole(change: Change): Promise<Verdict>;
}>;

/** Of the known sequences the shortest are asked: they are the likeliest to block again. */
const witnessesMax = 40;

function createTrial(options: RepairOptions, group: BlockedGroup): Trial {
  const { scheduler, initial } = options;
  const witnesses: (readonly Fault[])[] = group.states.slice(0, witnessesMax).map(({ faults }) => faults);
  const nameOf = ({ clone, state }: Pick<Blocked, "clone" | "state">) => `${clone} ${keyOf(state)}`;
  const others = new Set(options.groups.filter((each) => each !== group).flatMap(({ states }) => states.map(nameOf)));
  const knownUnrest = new Set(options.restless.map(({ faults }) => JSON.stringify(faults)));
  const blockedUnder = async (settler: Settler, reached: readonly Reached[]) => {
    const blocked = await findBlocked(settler, scheduler, reached);
    const isOther = (each: Blocked) => others.has(nameOf(each));
    return { first: blocked.find((each) => !isOther(each)), otherwise: blocked.filter(isOther).length };
  };
  const quick = async (change: Change) => {
    options.signal?.throwIfAborted();
    options.trying?.(change);
    const settler = changedSettler(options, [change]);
    const states = await replay(settler, initial, witnesses);
    const unrest = witnesses.find((_, index) => states[index] === undefined);
    if (unrest !== undefined) return { faults: unrest, why: "restless" } as const;
    const reached = states.flatMap((state, index) =>
      state === undefined ? [] : [{ state, faults: witnesses[index] ?? [] }],
    );
    const { first } = await blockedUnder(settler, reached);
    return first === undefined ? undefined : ({ faults: first.faults, why: "blocked" } as const);
  };
  return {
    quick,
    async whole(change) {
      const known = await quick(change);
      if (known !== undefined) return { refuted: known };
      const settler = changedSettler(options, [change]);
      const { reached, restless } = await search({ ...options, settler });
      options.signal?.throwIfAborted();
      const { first, otherwise } = await blockedUnder(settler, reached);
      const unrest = restless.find(({ faults }) => !knownUnrest.has(JSON.stringify(faults)));
      const faults = first?.faults ?? unrest?.faults;
      if (faults !== undefined) {
        witnesses.unshift(faults);
        return { refuted: { faults, why: first === undefined ? "restless" : "blocked" } };
      }
      const together = findTogether(settler.model, reached);
      return { repair: { change, states: reached.length, blockedOtherwise: otherwise, together } };
    },
  };
}

/** A change that two repairs have in common is made once: a swap made twice is none. */
function changedSettler({ settler, scheduler }: RepairOptions, changes: readonly Change[]): Settler {
  const edits = new Map(changes.flatMap((change) => change.edits).map((edit) => [JSON.stringify(edit), edit]));
  const cib = edited(settler.model.cib, [...edits.values()]);
  return createSettler({ ...settler.model, cib }, scheduler);
}

/**
 * The largest number that is still enough. It is looked for from the largest promotion score in use, in growing steps and
 * then by halving, among the known sequences; that it is enough is shown by a whole search there and one below, and that
 * the next one is not by a sequence that blocks.
 */
async function climb(
  trial: Trial,
  ladder: Ladder,
  largestScore: number,
): Promise<Readonly<{ repair?: Repair; insufficient: readonly Insufficient[] }>> {
  const { at, limit } = ladder;
  const refuted = new Map<number, Refuted>();
  const isEnough = async (magnitude: number): Promise<boolean> => {
    const refutation = await trial.quick(at(magnitude));
    if (refutation !== undefined) refuted.set(magnitude, refutation);
    return refutation === undefined;
  };
  const told = (...magnitudes: readonly number[]) =>
    [...new Set(magnitudes)].flatMap((magnitude) => {
      const refutation = refuted.get(magnitude);
      return refutation === undefined ? [] : [{ change: at(magnitude), ...refutation }];
    });

  if (!(await isEnough(0))) return { insufficient: told(0) };
  for (let tooMuch = Math.min(limit, infinity); tooMuch > 0; ) {
    const enough = await boundary(isEnough, tooMuch, largestScore);
    let repair: Repair | undefined;
    tooMuch = 0;
    for (const magnitude of enough === 0 ? [0] : [enough, enough - 1]) {
      const verdict = await trial.whole(at(magnitude));
      if ("repair" in verdict) repair ??= verdict.repair;
      else refuted.set((tooMuch = magnitude), verdict.refuted);
    }
    if (repair === undefined || tooMuch > 0) continue;
    if (largestScore > enough && largestScore < limit) await isEnough(largestScore);
    return { repair, insufficient: told(largestScore, enough + 1) };
  }
  return { insufficient: told(0) };
}

/** The largest number below `limit` that is enough, 0 being so. */
async function boundary(
  isEnough: (magnitude: number) => Promise<boolean>,
  limit: number,
  guess: number,
): Promise<number> {
  let [enough, tooMuch] = [0, limit];
  for (let step = 0; tooMuch - enough > 1; step = step === 0 ? 1 : 2 * step) {
    const half = Math.floor((enough + tooMuch) / 2);
    let next = half;
    if (guess < limit && tooMuch === limit) next = Math.min(half, Math.max(enough, guess) + step);
    else if (guess < limit && enough === 0) next = Math.max(half, tooMuch - Math.max(1, step));
    if (await isEnough(next)) enough = next;
    else tooMuch = next;
  }
  return enough;
}
