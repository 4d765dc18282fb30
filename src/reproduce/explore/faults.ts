import { monitorFor, nodeOf, type Place, placeOf, resourceOf } from "../../drivers/pacemaker/cluster-status.ts";
import { infinity, scoreOf } from "../../drivers/pacemaker/score.ts";
import { afterFailure, canNotPromote, scoreOfReturned } from "./agent.ts";
import { type Model, nodesOf, placesOf, type State, without } from "./state.ts";

/** What may happen to a cluster from outside; one at a time, the cluster settling in between. */
export type Fault =
  | Readonly<{ kind: "node-down"; node: string }>
  /** Put right by whoever brings it back: as a standby whose data is that of the primary. */
  | Readonly<{ kind: "node-back"; node: string }>
  | Readonly<{ kind: "resource-failed"; resource: string; node: string }>
  /** Replication is broken or behind, so the agent takes the promotion score away. */
  | Readonly<{ kind: "score-lost"; resource: string; node: string }>
  /** By hand, or because of something that is over now; nothing keeps it there but its stickiness. */
  | Readonly<{ kind: "moved"; resource: string; node: string }>;

export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case "node-down":
      return `${fault.node} goes down`;
    case "node-back":
      return `${fault.node} comes back`;
    case "resource-failed":
      return `${fault.resource} dies on ${fault.node}`;
    case "score-lost":
      return `${fault.resource} on ${fault.node} loses its promotion score`;
    case "moved":
      return `${fault.resource} is moved to ${fault.node}`;
  }
}

/** All that may happen next. */
export function faultsOf(model: Model, state: State): readonly Fault[] {
  const nodes = model.cib.nodes.map(({ name }) => name);
  const online = nodes.filter((node) => state.online.has(node));
  return [
    ...online.map((node) => ({ kind: "node-down", node }) as const),
    ...failures(model, state),
    ...losses(model, state),
    ...moves(model, state, online),
    ...nodes.filter((node) => !state.online.has(node)).map((node) => ({ kind: "node-back", node }) as const),
  ];
}

/** The moment after the fault, before the cluster has done anything about it. */
export function applyFault(model: Model, state: State, fault: Fault): State {
  switch (fault.kind) {
    case "node-down":
      return nodeDown(state, fault.node);
    case "node-back":
      return nodeBack(model, state, fault.node);
    case "resource-failed":
      return resourceFailed(model, state, placeOf(fault.resource, fault.node));
    case "score-lost": {
      const place = placeOf(fault.resource, fault.node);
      return {
        ...state,
        scores: new Map(state.scores).set(place, canNotPromote),
        lost: new Set(state.lost).add(place),
      };
    }
    case "moved":
      return moved(model, state, fault.resource, fault.node);
  }
}

/** Also what is left when the cluster itself powers a node off. */
export function nodeDown(state: State, node: string): State {
  const online = new Set([...state.online].filter((each) => each !== node));
  return { ...without(state, (place) => nodeOf(place) === node), online };
}

function nodeBack(model: Model, state: State, node: string): State {
  const scores = new Map(state.scores);
  for (const primitive of model.promotables) {
    const score = scoreOfReturned(model, primitive, node);
    if (score !== undefined) scores.set(placeOf(primitive.id, node), score);
  }
  return { ...state, scores, online: new Set(state.online).add(node) };
}

function resourceFailed(model: Model, state: State, place: Place): State {
  if (!state.roles.has(place)) return state;
  const failCounts = new Map(state.failCounts);
  if (model.countsFailures) failCounts.set(place, Math.min(infinity, (failCounts.get(place) ?? 0) + 1));
  return afterFailure(model, { ...state, failCounts, failed: new Set(state.failed).add(place) }, place);
}

function moved(model: Model, state: State, resource: string, node: string): State {
  const before = placesOf(model.cib, state, resource);
  const roles = new Map(state.roles);
  for (const place of before) roles.delete(place);
  for (const place of before) roles.set(placeOf(resourceOf(place), node), state.roles.get(place) ?? "Started");
  return { ...state, roles };
}

/** Only what a recurring monitor would notice. */
function failures(model: Model, state: State): readonly Fault[] {
  return model.cib.primitives
    .filter(({ agent }) => agent.standard !== "stonith")
    .flatMap((primitive) =>
      [...state.roles]
        .filter(([place, role]) => resourceOf(place) === primitive.id && monitorFor(primitive, role) !== undefined)
        .map(([place]) => ({ kind: "resource-failed", resource: primitive.id, node: nodeOf(place) }) as const),
    );
}

function losses(model: Model, state: State): readonly Fault[] {
  return [...state.scores]
    .filter(([place, score]) => (scoreOf(score) ?? -1) >= 0 && state.online.has(nodeOf(place)))
    .filter(([place]) => model.promotables.some(({ id }) => id === resourceOf(place)))
    .map(([place]) => ({ kind: "score-lost", resource: resourceOf(place), node: nodeOf(place) }));
}

/** What runs once, groups as a whole. */
function moves(model: Model, state: State, online: readonly string[]): readonly Fault[] {
  const single = model.cib.primitives.filter(({ clone, agent }) => clone === undefined && agent.standard !== "stonith");
  return [...new Set(single.map(({ id, group }) => group ?? id))].flatMap((resource) => {
    const at = nodesOf(placesOf(model.cib, state, resource));
    return at.length === 0
      ? []
      : online.filter((node) => !at.includes(node)).map((node) => ({ kind: "moved", resource, node }) as const);
  });
}
