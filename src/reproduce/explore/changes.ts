import type { Cib } from "../../drivers/pacemaker/cib.ts";
import type { Constraint } from "../../drivers/pacemaker/constraints.ts";
import { sideText } from "../../drivers/pacemaker/constraints.ts";
import type { Edit } from "../../drivers/pacemaker/edit.ts";
import { infinity, scoreOf, scoreText } from "../../drivers/pacemaker/score.ts";
import { childOf, childrenOf, descendantsOf } from "../../drivers/pacemaker/xml.ts";

/** A change of the configuration that might be the repair. */
export type Change = Readonly<{
  /** The constraint, or for a stickiness the resource; of several, separated by commas. */
  of: string;
  attribute: "direction" | "score" | "kind" | "resource-stickiness";
  from: string;
  to: string;
  edits: readonly Edit[];
}>;

/**
 * Changes of one kind that differ in a number. The nearer to 0, the less it holds; `at(limit)` is what stands there now.
 * Where one of them is enough, all nearer to 0 are too, which is why the largest can be found by halving.
 */
export type Ladder = Readonly<{ limit: number; at: (magnitude: number) => Change }>;

/** Changes that are either made or not: which side gives way, whether an order must be kept. */
export function switchesOf(constraint: Constraint): readonly Change[] {
  switch (constraint.kind) {
    case "colocation": {
      const [left, right] = [sideText(constraint.dependent), sideText(constraint.with)];
      const edits = [{ kind: "swap", constraint: constraint.id }] as const;
      const change = { of: constraint.id, attribute: "direction", edits } as const;
      return [{ ...change, from: `${left} gives way to ${right}`, to: `${right} gives way to ${left}` }];
    }
    case "order": {
      const edits = [{ kind: "make-optional", constraint: constraint.id }] as const;
      const change = { of: constraint.id, attribute: "kind", edits } as const;
      return constraint.mandatory ? [{ ...change, from: "Mandatory", to: "Optional" }] : [];
    }
    case "colocation-sets":
    case "location":
    case "ticket":
      return [];
  }
}

/** Weaker scores of the constraint, less stickiness of the resources it names. */
export function laddersOf(cib: Cib, constraint: Constraint): readonly Ladder[] {
  const ladders: Ladder[] = [];
  if ("score" in constraint && constraint.score !== undefined && constraint.score !== 0)
    ladders.push(scoreLadder(constraint.id, constraint.score));
  for (const resource of resourcesOf(constraint)) {
    const stickiness = stickinessOf(cib, resource);
    if (stickiness > 0) ladders.push(stickinessLadder(resource, stickiness));
  }
  return ladders;
}

function scoreLadder(id: string, score: number): Ladder {
  const sign = Math.sign(score);
  return {
    limit: Math.abs(score),
    at: (magnitude) => ({
      of: id,
      attribute: "score",
      from: scoreText(score),
      to: scoreText(sign * magnitude),
      edits: [{ kind: "set-score", constraint: id, score: sign * magnitude }],
    }),
  };
}

function stickinessLadder(resource: string, stickiness: number): Ladder {
  return {
    limit: stickiness,
    at: (magnitude) => ({
      of: resource,
      attribute: "resource-stickiness",
      from: scoreText(stickiness),
      to: scoreText(magnitude),
      edits: [{ kind: "set-stickiness", resource, stickiness: magnitude }],
    }),
  };
}

function resourcesOf(constraint: Constraint): readonly string[] {
  switch (constraint.kind) {
    case "colocation":
      return [...new Set([constraint.with.resource, constraint.dependent.resource])];
    case "colocation-sets":
      return constraint.resources.map(({ resource }) => resource);
    case "order":
    case "location":
    case "ticket":
      return [];
  }
}

/** Of the resource itself, else of what it stands in, else the default of all; a clone's own default is 1. */
function stickinessOf(cib: Cib, resource: string): number {
  const configuration = childOf(cib.document.documentElement ?? undefined, "configuration");
  const owner = descendantsOf(childOf(configuration, "resources"), "primitive", "group", "clone", "master").find(
    (each) => each.getAttribute("id") === resource,
  );
  const sets = [
    ...childrenOf(owner, "meta_attributes"),
    ...childrenOf(childOf(configuration, "rsc_defaults"), "meta_attributes"),
  ];
  for (const set of sets)
    for (const pair of childrenOf(set, "nvpair"))
      if (pair.getAttribute("name") === "resource-stickiness")
        return Math.min(infinity, scoreOf(pair.getAttribute("value") ?? "") ?? 0);
  return owner?.tagName === "clone" || owner?.tagName === "master" ? 1 : 0;
}
