import { edited } from "../../drivers/pacemaker/edit.ts";
import type { Constraint } from "../../drivers/pacemaker/constraints.ts";
import type { Reached } from "./search.ts";
import { type Settler, settlerFor } from "./settle.ts";
import { clonesOf, keyOf, nodesOf, placesOf, type Scheduler, type State } from "./state.ts";

/** Nothing is promoted, though the scheduler would promote there if it had the nodes and the scores alone to go by. */
export type Blocked = Reached & Readonly<{ clone: string; candidates: readonly string[] }>;

/** Blocked states with one cause. */
export type BlockedGroup = Readonly<{
  clone: string;
  /** Each set of constraints whose removal, as small as can be, lets the candidate be promoted; proven by removing it. */
  causes: readonly Cause[];
  /** The shortest sequence of faults first. */
  states: readonly Blocked[];
}>;

export type Cause = Readonly<{ constraints: readonly string[]; promoted: readonly string[] }>;

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

/** Names the cause of each: each constraint is taken away in turn, then each two, and the cluster let go on from there. */
export async function groupByCause(
  settler: Settler,
  scheduler: Scheduler,
  blocked: readonly Blocked[],
): Promise<readonly BlockedGroup[]> {
  const groups: BlockedGroup[] = [];
  let rest = blocked;
  while (rest[0] !== undefined) {
    const first = rest[0];
    const causes = await causesOf(settler, scheduler, first);
    const sameClone = rest.filter(({ clone }) => clone === first.clone);
    const alike =
      causes[0] === undefined
        ? new Set([first])
        : await unblocked(settler, scheduler, sameClone, causes[0].constraints).then((found) => new Set(found.keys()));
    alike.add(first);
    groups.push({ clone: first.clone, causes, states: rest.filter((each) => alike.has(each)) });
    rest = rest.filter((each) => !alike.has(each));
  }
  return groups;
}

/** More constraints than these are not tried in pairs: it would take their square. */
const pairsMax = 40;

async function causesOf(settler: Settler, scheduler: Scheduler, blocked: Blocked): Promise<readonly Cause[]> {
  const ids = settler.model.cib.constraints.map(({ id }) => id);
  const singles = ids.map((id) => [id]);
  const pairs = ids.slice(0, pairsMax).flatMap((a, index) => ids.slice(index + 1, pairsMax).map((b) => [a, b]));
  for (const sets of [singles, pairs]) {
    const causes: Cause[] = [];
    for (const constraints of sets) {
      const promoted = (await unblocked(settler, scheduler, [blocked], constraints)).get(blocked);
      if (promoted !== undefined) causes.push({ constraints, promoted });
    }
    if (causes.length > 0) return causes;
  }
  return [];
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
