import { edited } from "../../drivers/pacemaker/edit.ts";
import type { Constraint } from "../../drivers/pacemaker/constraints.ts";
import type { Reached } from "./search.ts";
import { type Settler, settlerFor } from "./settle.ts";
import { clonesOf, keyOf, type Model, nodesOf, placesOf, type Scheduler, type State } from "./state.ts";

/** Nothing is promoted, though the scheduler would promote there if it had the nodes and the scores alone to go by. */
export type Blocked = Reached & Readonly<{ clone: string; candidates: readonly string[] }>;

/** Blocked states with one cause. */
export type BlockedGroup = Readonly<{
  clone: string;
  /** What keeps them so, first, and what else would free the first of them; each proven by removing it. */
  causes: readonly Cause[];
  /** The shortest sequence of faults first. */
  states: readonly Blocked[];
}>;

export type Cause = Readonly<{ constraints: readonly string[]; promoted: readonly string[] }>;

/** Nothing is promoted, and nobody could be: nodes or promotion scores are missing. */
export type WithoutCandidate = Readonly<{ clone: string; states: readonly Reached[] }>;

/** The states without a primary that are not blocked. */
export function findWithoutCandidate(
  model: Model,
  reached: readonly Reached[],
  blocked: readonly Blocked[],
): readonly WithoutCandidate[] {
  return clonesOf(model).flatMap((clone) => {
    const isBlocked = new Set(blocked.filter((each) => each.clone === clone).map(({ state }) => state));
    const states = reached.filter(
      ({ state }) => !isBlocked.has(state) && placesOf(model.cib, state, clone, "Promoted").length === 0,
    );
    return states.length === 0 ? [] : [{ clone, states }];
  });
}

/**
 * A candidate is whom the scheduler itself promotes once all constraints are gone but those that forbid a place
 * outright (a location of minus infinity): whoever wrote these does not want a primary there.
 */
export async function findBlocked(
  settler: Settler,
  scheduler: Scheduler,
  reached: readonly Reached[],
): Promise<readonly Blocked[]> {
  const { model } = settler;
  const open = clonesOf(model).flatMap((clone) =>
    reached
      .filter(({ state }) => placesOf(model.cib, state, clone, "Promoted").length === 0)
      .map((each) => ({ ...each, clone })),
  );
  if (open.length === 0) return [];
  const relaxed = edited(
    model.cib,
    model.cib.constraints.filter((each) => !forbidsAPlace(each)).map(({ id }) => ({ kind: "remove", constraint: id })),
  );
  const states = [...new Map(open.map(({ state }) => [keyOf(state), state])).values()];
  const decisions = await scheduler(relaxed, states);
  const decisionOf = new Map(states.map((state, index) => [keyOf(state), decisions[index]]));
  return open.flatMap((each) => {
    const roles = decisionOf.get(keyOf(each.state))?.roles ?? new Map();
    const candidates = nodesOf(placesOf(model.cib, { ...each.state, roles }, each.clone, "Promoted"));
    return candidates.length === 0 ? [] : [{ ...each, candidates }];
  });
}

function forbidsAPlace(constraint: Constraint): boolean {
  return constraint.kind === "location" && constraint.forbids;
}

/**
 * Names the cause of each: every constraint is taken away in turn and the cluster let go on from the blocked states; the
 * one that frees most of them is the cause of these, and so on with the rest. What no single one frees, two might.
 */
export async function groupByCause(
  settler: Settler,
  scheduler: Scheduler,
  blocked: readonly Blocked[],
): Promise<readonly BlockedGroup[]> {
  const groups: BlockedGroup[] = [];
  for (const clone of clonesOf(settler.model)) {
    let rest = blocked.filter((each) => each.clone === clone);
    for (const sets of [singlesOf(settler), pairsOf(settler)]) {
      const freed = rest.length === 0 ? [] : await freedBy(settler, scheduler, rest, sets);
      for (let best = bestOf(freed, rest); best !== undefined; best = bestOf(freed, rest)) {
        const states = rest.filter((each) => best?.by.has(each));
        groups.push({ clone, causes: causesOf(best, freed, states[0]), states });
        rest = rest.filter((each) => !best?.by.has(each));
      }
    }
    if (rest.length > 0) groups.push({ clone, causes: [], states: rest });
  }
  return groups;
}

/** More constraints than these are not tried in pairs: it would take their square. */
const pairsMax = 20;

type Freed = Readonly<{ constraints: readonly string[]; by: ReadonlyMap<Blocked, readonly string[]> }>;

function singlesOf({ model }: Settler): readonly (readonly string[])[] {
  // What wants resources apart comes first where several are as good.
  const weight = (constraint: Constraint) => ("score" in constraint && (constraint.score ?? 0) < 0 ? 0 : 1);
  return model.cib.constraints.toSorted((a, b) => weight(a) - weight(b)).map(({ id }) => [id]);
}

function pairsOf(settler: Settler): readonly (readonly string[])[] {
  const ids = singlesOf(settler).flat().slice(0, pairsMax);
  return ids.flatMap((a, index) => ids.slice(index + 1).map((b) => [a, b]));
}

async function freedBy(
  settler: Settler,
  scheduler: Scheduler,
  blocked: readonly Blocked[],
  sets: readonly (readonly string[])[],
): Promise<readonly Freed[]> {
  const freed: Freed[] = [];
  for (const constraints of sets)
    freed.push({ constraints, by: await unblocked(settler, scheduler, blocked, constraints) });
  return freed;
}

function bestOf(freed: readonly Freed[], rest: readonly Blocked[]): Freed | undefined {
  const countOf = ({ by }: Freed) => rest.filter((each) => by.has(each)).length;
  const [best] = freed.toSorted((a, b) => countOf(b) - countOf(a));
  return best === undefined || countOf(best) === 0 ? undefined : best;
}

/** The cause of them all first, then what else would free the first of them. */
function causesOf(best: Freed, freed: readonly Freed[], first: Blocked | undefined): readonly Cause[] {
  return [best, ...freed.filter((each) => each !== best)].flatMap(({ constraints, by }) => {
    const promoted = first === undefined ? undefined : by.get(first);
    return promoted === undefined ? [] : [{ constraints, promoted }];
  });
}

/** Which of them get a primary when these constraints are gone, and where. */
async function unblocked(
  settler: Settler,
  scheduler: Scheduler,
  blocked: readonly Blocked[],
  constraints: readonly string[],
): Promise<ReadonlyMap<Blocked, readonly string[]>> {
  const cib = edited(
    settler.model.cib,
    constraints.map((constraint) => ({ kind: "remove", constraint })),
  );
  const settled = await settlerFor(settler, cib, scheduler).settle(blocked.map(({ state }) => state));
  return new Map(
    blocked.flatMap((each, index) => {
      const state: State = settled[index]?.state ?? each.state;
      const promoted = nodesOf(placesOf(cib, state, each.clone, "Promoted"));
      return promoted.length === 0 ? [] : [[each, promoted] as const];
    }),
  );
}
