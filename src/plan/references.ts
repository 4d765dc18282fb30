import { BlackstartError } from "../base/error.ts";
import type { Json, JsonObject } from "../base/json.ts";
import type { Plan, Step } from "./plan.ts";

/** In a step's parameters: the value that an earlier step's outcome recorded under `field`. */
export type Reference = Readonly<{ from: string; field: string }>;

export function isReference(value: Json): value is Reference {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const object = value as JsonObject;
  return Object.keys(object).length === 2 && typeof object.from === "string" && typeof object.field === "string";
}

/**
 * Throws USAGE when a plan cannot be carried out as it is written: two steps of one name, or a reference to a step
 * that does not come earlier. Asked before anything starts, so that no plan stops half-way for a slip of its author.
 */
export function assertWellFormed(plan: Plan): void {
  const earlier = new Set<string>();
  for (const step of plan.steps) {
    if (earlier.has(step.id)) throw malformed(plan, `it has two steps named ${step.id}`);
    for (const reference of referencesIn(step.parameters)) {
      if (earlier.has(reference.from)) continue;
      const inPlan = plan.steps.some((other) => other.id === reference.from);
      const why = inPlan ? "comes no earlier than it" : "is not in the plan";
      throw malformed(plan, `step ${step.id} needs ${reference.field} of step ${reference.from}, which ${why}`);
    }
    earlier.add(step.id);
  }
  if (earlier.size === 0) throw malformed(plan, "it has no steps");
}

/** The parameters with every reference replaced by its value. Throws NOT_POSSIBLE_NOW where there is none. */
export function fillIn(step: Step, outcomes: ReadonlyMap<string, JsonObject>): JsonObject {
  return replace(step.parameters, (reference) => {
    const value = outcomes.get(reference.from)?.[reference.field];
    if (value !== undefined) return value;
    const known = outcomes.has(reference.from);
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `Step ${step.id} needs ${reference.field} of step ${reference.from}`,
      why: known ? "That step's outcome does not say it." : "That step was not carried out.",
      next: "Make a new plan for the present state.",
      details: { step: step.id, from: reference.from, field: reference.field },
    });
  }) as JsonObject;
}

function referencesIn(value: Json): Reference[] {
  const found: Reference[] = [];
  replace(value, (reference) => {
    found.push(reference);
    return null;
  });
  return found;
}

function replace(value: Json, by: (reference: Reference) => Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (isReference(value)) return by(value);
  if (Array.isArray(value)) return value.map((part: Json) => replace(part, by));
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, part]) => [key, replace(part, by)]));
}

function malformed(plan: Plan, why: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `The plan ${plan.id} cannot be carried out as it is written`,
    why: `${why[0]?.toUpperCase()}${why.slice(1)}.`,
    next: "Nothing was changed. This is a fault of the program that made the plan; please report it.",
    details: { plan: plan.id },
  });
}
