import type { Role } from "../../drivers/pacemaker/cluster-status.ts";
import type { Constraint, Side } from "../../drivers/pacemaker/constraints.ts";
import { infinity } from "../../drivers/pacemaker/score.ts";
import type { Reached } from "./search.ts";
import { type Model, nodesOf, placesOf, type State } from "./state.ts";

/** Resources that a constraint wants apart, and are together on a node of a state at rest. */
export type Together = Readonly<{
  constraint: string;
  /** With minus infinity they must never be; otherwise it is a wish that others may outweigh. */
  absolute: boolean;
  /** The shortest sequence of faults first. */
  states: readonly Readonly<{ reached: Reached; node: string }>[];
}>;

export function findTogether(model: Model, reached: readonly Reached[]): readonly Together[] {
  return model.cib.constraints.flatMap((constraint) => {
    const pairs = apartIn(constraint);
    const states = reached.flatMap((each) => {
      const node = pairs.flatMap(([a, b]) => shared(model, each.state, a, b))[0];
      return node === undefined ? [] : [{ reached: each, node }];
    });
    return states.length === 0 ? [] : [{ constraint: constraint.id, absolute: isAbsolute(constraint), states }];
  });
}

function apartIn(constraint: Constraint): readonly (readonly [Side, Side])[] {
  if (constraint.kind === "colocation" && constraint.score < 0) return [[constraint.dependent, constraint.with]];
  if (constraint.kind !== "colocation-sets" || constraint.score >= 0) return [];
  return constraint.resources.flatMap((a, index) => constraint.resources.slice(index + 1).map((b) => [a, b] as const));
}

function isAbsolute(constraint: Constraint): boolean {
  return "score" in constraint && constraint.score === -infinity;
}

function shared(model: Model, state: State, a: Side, b: Side): readonly string[] {
  const there = new Set(nodesOfSide(model, state, b));
  return nodesOfSide(model, state, a).filter((node) => there.has(node));
}

function nodesOfSide(model: Model, state: State, { resource, role }: Side): readonly string[] {
  return nodesOf(placesOf(model.cib, state, resource, roleOf(role)));
}

/** `Started` is any role: what is promoted is started as well. */
function roleOf(role: string | undefined): Role | undefined {
  if (role === "Promoted" || role === "Master") return "Promoted";
  return role === "Unpromoted" || role === "Slave" ? "Unpromoted" : undefined;
}
