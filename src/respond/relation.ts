import { type Finding, type Ref, refText } from "../finding/finding.ts";
import { dependenciesOf } from "../system/graph.ts";
import type { System } from "../system/schema.ts";
import { needsSomebody } from "./grave.ts";

/**
 * How something that was seen stands to what an incident is about. In the order in which an incident is chosen for it:
 *
 *   same      they are about the same cluster, cache, service, …
 *   effect    it needs what the incident is about: one more consequence
 *   cause     the incident is about something that needs it: the incident is widened to this
 *   sibling   both need the same third thing, which may not have been noticed yet
 */
export type Relation = "same" | "effect" | "cause" | "sibling";

export const relationsInOrder: readonly Relation[] = ["same", "effect", "cause", "sibling"];

export function relationOf(system: System, seen: Ref, about: Ref): Relation | undefined {
  const [one, other] = [scopeOf(seen), scopeOf(about)];
  if (refText(one) === refText(other)) return "same";
  const needed = neededBy(system, one);
  const neededByOther = neededBy(system, other);
  if (needed.has(refText(other))) return "effect";
  if (neededByOther.has(refText(one))) return "cause";
  return needed.isDisjointFrom(neededByOther) ? undefined : "sibling";
}

/** A node is looked at as part of its cluster: what happens to one concerns the others. */
export function scopeOf(ref: Ref): Ref {
  return ref.kind === "node" ? { kind: "cluster", name: ref.name.split("/", 1)[0] as string } : ref;
}

/** Critical before what needs somebody, and that before the rest; causes before what needs them; otherwise as they came. */
export function causesFirst(system: System, findings: readonly Finding[]): readonly Finding[] {
  const rank = (finding: Finding) => (finding.severity === "critical" ? 0 : needsSomebody(finding) ? 1 : 2);
  // Whoever needs something needs all that it needs as well, and so more.
  const depth = (finding: Finding) => neededBy(system, scopeOf(finding.subject)).size;
  return findings.toSorted((one, other) => rank(one) - rank(other) || depth(one) - depth(other));
}

function neededBy(system: System, ref: Ref): ReadonlySet<string> {
  // Nodes are left out: they are looked at as their cluster.
  return new Set(
    dependenciesOf(system, ref)
      .filter(({ kind }) => kind !== "node")
      .map(refText),
  );
}
