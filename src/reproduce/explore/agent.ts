import type { Primitive } from "../../drivers/pacemaker/cib.ts";
import { nodeOf, type Place, placeOf, resourceOf } from "../../drivers/pacemaker/cluster-status.ts";
import { infinity, scoreOf } from "../../drivers/pacemaker/score.ts";
import type { Model, State } from "./state.ts";

/*
 * What the resource agents do to the promotion scores. Of an agent that is not known this is assumed: where a promoted
 * resource has died, its score is minus infinity; whoever is promoted gets the score that the primary had in the given
 * state, and has that of a standby again when it is demoted; otherwise the scores stay as they were given.
 *
 * Of ocf:heartbeat:pgsql with `rep_mode`, as its source has it (resource-agents 4.12, `control_slave_status`,
 * `have_master_right`, `pgsql_promote`, `pgsql_replication_start`):
 * - the primary has 1000 (PROMOTE_ME);
 * - beside a primary: with rep_mode=sync the synchronous standby has 100 (CAN_PROMOTE), the others minus infinity; the next
 *   one becomes synchronous when it is gone. With rep_mode=async a standby has 100 only where there are two nodes;
 * - without a primary: a standby whose data is current goes from 100 to 1000 (“I have a master right”); with
 *   rep_mode=async the one that has received most, taken here to be the first;
 * - an old primary that was demoted or died does not start again: its lock file, PGSQL.lock, is in the way. That is a
 *   failed start, after which the cluster does not try again there.
 */

const promoteMe = "1000";
const canPromote = "100";
export const canNotPromote = "-INFINITY";

/** The agents' answer to what the cluster has just done. */
export function afterTransition(model: Model, before: State, after: State): State {
  return model.promotables.reduce(
    (state, primitive) =>
      isPgsql(primitive)
        ? pgsqlScores(model, primitive, refuseOldPrimaries(primitive, before, state))
        : scoresByRole(model, primitive, before, state),
    after,
  );
}

/** A monitor has found the resource dead here. */
export function afterFailure(model: Model, state: State, place: Place): State {
  const primitive = model.promotables.find(({ id }) => id === resourceOf(place));
  if (primitive === undefined || state.roles.get(place) !== "Promoted") return state;
  const scores = new Map(state.scores).set(place, canNotPromote);
  const lost = new Set(state.lost).add(place);
  return isPgsql(primitive) ? refuse({ ...state, scores, lost }, place) : { ...state, scores, lost };
}

/** The score of a node that has just come back, put right by whoever brought it back: that of a standby. */
export function scoreOfReturned(model: Model, primitive: Primitive, node: string): string | undefined {
  if (isPgsql(primitive)) return canNotPromote;
  const given = model.givenScores.get(placeOf(primitive.id, node));
  return (scoreOf(given) ?? -1) < 0 ? given : standbyScore(model, primitive);
}

export function isPgsql({ agent, parameters }: Primitive): boolean {
  return agent.type === "pgsql" && /^(sync|async)$/.test(parameters.get("rep_mode") ?? "");
}

/** The least that was given and does not forbid. */
function standbyScore(model: Model, { id }: Primitive): string | undefined {
  const given = [...model.givenScores]
    .filter(([place]) => resourceOf(place) === id)
    .map(([, score]) => scoreOf(score) ?? -1);
  const promotable = given.filter((score) => score >= 0);
  return promotable.length === 0 ? undefined : String(Math.min(...promotable));
}

function scoresByRole(model: Model, primitive: Primitive, before: State, after: State): State {
  const ofPrimary = model.primaryScores.get(primitive.id);
  const ofStandby = standbyScore(model, primitive);
  if (ofPrimary === undefined || ofStandby === undefined) return after;
  const scores = new Map(after.scores);
  for (const [place, score] of after.scores) {
    if (resourceOf(place) !== primitive.id || after.lost.has(place)) continue;
    const isPromoted = after.roles.get(place) === "Promoted";
    if (isPromoted && (scoreOf(score) ?? 0) < (scoreOf(ofPrimary) ?? 0)) scores.set(place, ofPrimary);
    if (!isPromoted && before.roles.get(place) === "Promoted") scores.set(place, ofStandby);
  }
  return { ...after, scores };
}

function refuseOldPrimaries(primitive: Primitive, before: State, after: State): State {
  return [...before.roles]
    .filter(([place, role]) => resourceOf(place) === primitive.id && role === "Promoted")
    .filter(([place]) => after.roles.get(place) !== "Promoted" && after.online.has(nodeOf(place)))
    .reduce((state, [place]) => refuse(state, place), after);
}

function refuse(state: State, place: Place): State {
  return {
    ...state,
    scores: new Map(state.scores).set(place, canNotPromote),
    failCounts: new Map(state.failCounts).set(place, infinity),
    lost: new Set(state.lost).add(place),
  };
}

function pgsqlScores(model: Model, primitive: Primitive, state: State): State {
  const here = model.cib.nodes.map(({ name }) => placeOf(primitive.id, name));
  const primary = here.find((place) => state.roles.get(place) === "Promoted");
  const standbys = here.filter((place) => state.roles.get(place) === "Unpromoted" && !state.lost.has(place));
  const sync = primitive.parameters.get("rep_mode") === "sync";
  const scores = new Map(state.scores);
  const best = bestOf(standbys, scores);
  if (primary === undefined) {
    const current = best !== undefined && (!sync || isCurrent(best, scores)) ? best : undefined;
    if (current !== undefined) scores.set(current, promoteMe);
  } else {
    const mayPromote = sync || here.length <= 2 ? best : undefined;
    for (const place of standbys) scores.set(place, place === mayPromote ? canPromote : canNotPromote);
    scores.set(primary, promoteMe);
  }
  return { ...state, scores };
}

function bestOf(standbys: readonly Place[], scores: ReadonlyMap<Place, string>): Place | undefined {
  return standbys.toSorted((a, b) => (scoreOf(scores.get(b)) ?? -infinity) - (scoreOf(scores.get(a)) ?? -infinity))[0];
}

function isCurrent(place: Place, scores: ReadonlyMap<Place, string>): boolean {
  return (scoreOf(scores.get(place)) ?? -infinity) >= Number(canPromote);
}
