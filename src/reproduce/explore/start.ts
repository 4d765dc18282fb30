import type { Cib, Primitive } from "../../drivers/pacemaker/cib.ts";
import { type Place, placeOf, resourceOf, type Role } from "../../drivers/pacemaker/cluster-status.ts";
import type { Decision } from "../../drivers/pacemaker/decision.ts";
import { infinity, scoreOf } from "../../drivers/pacemaker/score.ts";
import { afterTransition, isPgsql } from "./agent.ts";
import type { Settler } from "./settle.ts";
import type { Model, State } from "./state.ts";

/** Where the search begins, and what had to be assumed about it. */
export type Start = Readonly<{
  model: Model;
  state: State;
  assumed: readonly string[];
  /** The CIB says what runs; otherwise the state is made up, and `healthy` is still to be asked of the scheduler. */
  isGiven: boolean;
}>;

/**
 * The state that the CIB holds; where it holds none (a configuration only), a healthy one: all nodes online, a primary,
 * the others standbys, everything else still to be placed by the scheduler.
 */
export function startOf(cib: Cib, now: Decision): Start {
  const promotables = cib.primitives.filter(({ promotable }) => promotable);
  const given = givenScores(cib, promotables);
  const running = cib.hasStatus && now.roles.size > 0;
  const assumed: string[] = [];
  const scores = new Map(given);
  const roles = new Map<Place, Role>(running ? now.roles : []);
  if (!running)
    assumed.push("The CIB says of nothing that it runs: a healthy cluster with all nodes online was assumed.");
  for (const primitive of promotables) {
    const here = cib.nodes.map(({ name }) => placeOf(primitive.id, name));
    if (!here.some((place) => given.has(place))) {
      const primary = here.find((place) => roles.get(place) === "Promoted") ?? primaryOf(cib, primitive);
      for (const [place, score] of assumedScores(primitive, here, primary)) scores.set(place, score);
      const shown = here.map((place) => `${place.slice(place.indexOf("@") + 1)} ${scores.get(place)}`).join(", ");
      assumed.push(`The CIB holds no promotion score of ${primitive.id}; assumed: ${shown}.`);
    }
    if (!running) {
      const best = bestOf(here, scores);
      for (const place of here) roles.set(place, place === best ? "Promoted" : "Unpromoted");
    }
  }
  const online = new Set(cib.nodes.map(({ name }) => name).filter((node) => !running || !now.fenced.has(node)));
  const state = { online, roles, scores, failed: running ? now.failed : new Set<Place>(), lost: new Set<Place>() };
  const countsFailures = doesCountFailures(cib);
  const model = { cib, promotables, givenScores: scores, primaryScores: primaryScores(roles, scores), countsFailures };
  return { model, state: { ...state, failCounts: givenFailCounts(cib) }, assumed, isGiven: running };
}

export function doesCountFailures(cib: Cib): boolean {
  return cib.withStatus({ status: "", quorum: true }).includes('"migration-threshold"');
}

/**
 * A made-up state once the scheduler has placed everything. On the way it may have moved the primary, after which the
 * first one would not start again; whoever brings a cluster up puts that right.
 */
export async function healthyStart(settler: Settler, { model, state }: Start): Promise<State> {
  const [placed] = await settler.settle([state]);
  const roles = new Map(placed?.state.roles);
  for (const { id } of model.promotables)
    for (const { name } of model.cib.nodes) {
      const place = placeOf(id, name);
      if (!roles.has(place)) roles.set(place, "Unpromoted");
    }
  const healthy = { ...(placed?.state ?? state), roles, failCounts: state.failCounts, lost: state.lost };
  return afterTransition(model, healthy, healthy);
}

/** Those that the agents have set last; below them, the ones that stand in the nodes' own attributes. */
function givenScores(cib: Cib, promotables: readonly Primitive[]): ReadonlyMap<Place, string> {
  const scores = new Map<Place, string>();
  for (const { id } of promotables)
    for (const { name, attributes } of cib.nodes) {
      const score = cib.promotionScores.get(name)?.get(id) ?? attributes.get(`master-${id}`);
      if (score !== undefined) scores.set(placeOf(id, name), score);
    }
  return scores;
}

function primaryScores(roles: ReadonlyMap<Place, Role>, scores: ReadonlyMap<Place, string>): Model["primaryScores"] {
  return new Map(
    [...roles]
      .filter(([, role]) => role === "Promoted")
      .flatMap(([place]) => {
        const score = scores.get(place);
        return score === undefined ? [] : [[resourceOf(place), score] as const];
      }),
  );
}

function givenFailCounts(cib: Cib): ReadonlyMap<Place, number> {
  const ids = new Set(cib.primitives.map(({ id }) => id));
  return new Map(
    [...cib.failCounts].flatMap(([node, counts]) =>
      [...counts]
        .filter(([resource]) => ids.has(resource))
        .map(([resource, count]) => [placeOf(resource, node), scoreOf(count) ?? 0] as const),
    ),
  );
}

/** The pgsql agent keeps in a permanent attribute of the node whose data is the latest. */
function primaryOf(cib: Cib, { id }: Primitive): Place | undefined {
  const node = cib.nodes.find(({ attributes }) => attributes.get(`${id}-data-status`) === "LATEST") ?? cib.nodes[0];
  return node === undefined ? undefined : placeOf(id, node.name);
}

function assumedScores(
  primitive: Primitive,
  here: readonly Place[],
  primary: Place | undefined,
): ReadonlyMap<Place, string> {
  const standbys = here.filter((place) => place !== primary);
  const ordered = primary === undefined ? standbys : [primary, ...standbys];
  const score = (index: number): string => {
    if (index === 0) return "1000";
    return isPgsql(primitive) && index > 1 ? "-INFINITY" : "100";
  };
  return new Map(ordered.map((place, index) => [place, score(index)]));
}

function bestOf(here: readonly Place[], scores: ReadonlyMap<Place, string>): Place | undefined {
  const value = (place: Place) => scoreOf(scores.get(place)) ?? -infinity;
  return here.toSorted((a, b) => value(b) - value(a)).find((place) => value(place) >= 0);
}
