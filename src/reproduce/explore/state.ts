import type { Cib, Primitive } from "../../drivers/pacemaker/cib.ts";
import {
  type ClusterStatus,
  nodeOf,
  type Place,
  resourceOf,
  type Role,
} from "../../drivers/pacemaker/cluster-status.ts";
import type { Decision } from "../../drivers/pacemaker/decision.ts";

/** A state of the cluster, as far as it decides what comes next. */
export type State = ClusterStatus &
  Readonly<{
    /** Where the data is not what it should be: no agent gives a promotion score there until the node was put right. */
    lost: ReadonlySet<Place>;
  }>;

/** What is the same in all states. */
export type Model = Readonly<{
  cib: Cib;
  /** Those that can be promoted; each has promotion scores. */
  promotables: readonly Primitive[];
  /** The promotion scores of the state that the search begins with. */
  givenScores: ReadonlyMap<Place, string>;
  /** The score that the primary has there, of each primitive that has one. */
  primaryScores: ReadonlyMap<string, string>;
  /** A `migration-threshold` is set somewhere, so it matters how often something has failed. */
  countsFailures: boolean;
}>;

/** Answers for each state where everything is after one transition. */
export type Scheduler = (cib: Cib, states: readonly State[]) => Promise<readonly Decision[]>;

/** The same text for the same state, whichever way it was reached. */
export function keyOf(state: State): string {
  return [
    [...state.online],
    [...state.roles].map(([place, role]) => `${place}=${role}`),
    [...state.scores].map(([place, score]) => `${place}=${score}`),
    [...state.failed],
    [...state.failCounts].map(([place, count]) => `${place}=${count}`),
    [...state.lost],
  ]
    .map((part) => part.toSorted().join(","))
    .join(";");
}

/** The places of a primitive, a group or a clone, in a role where one is given. */
export function placesOf(cib: Cib, state: State, resource: string, role?: Role): readonly Place[] {
  const members = new Set(
    cib.primitives.filter(({ id, clone, group }) => [id, clone, group].includes(resource)).map(({ id }) => id),
  );
  return [...state.roles]
    .filter(([place, is]) => members.has(resourceOf(place)) && (role === undefined || is === role))
    .map(([place]) => place);
}

/** The promotable clones, each once. */
export function clonesOf(model: Model): readonly string[] {
  return [...new Set(model.promotables.flatMap(({ clone }) => clone ?? []))];
}

export function nodesOf(places: readonly Place[]): readonly string[] {
  return [...new Set(places.map(nodeOf))].toSorted();
}

/** Without whatever is known of these places. */
export function without(state: State, gone: (place: Place) => boolean): State {
  const kept = <T>(map: ReadonlyMap<Place, T>) => new Map([...map].filter(([place]) => !gone(place)));
  const keptPlaces = (set: ReadonlySet<Place>) => new Set([...set].filter((place) => !gone(place)));
  return {
    online: state.online,
    roles: kept(state.roles),
    scores: kept(state.scores),
    failCounts: kept(state.failCounts),
    failed: keptPlaces(state.failed),
    lost: keptPlaces(state.lost),
  };
}
