import type { Element } from "@xmldom/xmldom";
import { infinity, scoreOf } from "./score.ts";
import { childrenOf, descendantsOf } from "./xml.ts";

/** One side of a colocation: a resource, in a role where it matters. */
export type Side = Readonly<{ resource: string; role: string | undefined }>;

export type Constraint = Readonly<{ id: string }> &
  (
    | Readonly<{ kind: "colocation"; score: number; dependent: Side; with: Side }>
    /** A colocation of more than two, written as sets; who depends on whom is the scheduler's business. */
    | Readonly<{ kind: "colocation-sets"; score: number; resources: readonly Side[] }>
    | Readonly<{ kind: "order"; mandatory: boolean }>
    /** `score` is undefined where several rules have one each, or a node's attribute gives it. */
    | Readonly<{ kind: "location"; score: number | undefined; forbids: boolean }>
    | Readonly<{ kind: "ticket" }>
  );

export function constraintsOf(section: Element | undefined): readonly Constraint[] {
  return childrenOf(section).flatMap((element) => {
    const constraint = constraintOf(element);
    return constraint === undefined ? [] : [constraint];
  });
}

/** `PostgresqlVIP`, `msPostgresql:Promoted`, as `crm` writes it. */
export function sideText({ resource, role }: Side): string {
  return role === undefined || role === "Started" ? resource : `${resource}:${role}`;
}

function constraintOf(element: Element): Constraint | undefined {
  const id = element.getAttribute("id") ?? "";
  const score = scoreOf(element.getAttribute("score") ?? undefined);
  switch (element.tagName) {
    case "rsc_colocation": {
      const resources = descendantsOf(element, "resource_ref").map((reference) => ({
        resource: reference.getAttribute("id") ?? "",
        role: (reference.parentNode as Element).getAttribute("role") ?? undefined,
      }));
      if (resources.length > 0) return { kind: "colocation-sets", id, score: score ?? setScoreOf(element), resources };
      const side = (resource: string, role: string): Side => ({
        resource: element.getAttribute(resource) ?? "",
        role: element.getAttribute(role) ?? undefined,
      });
      // Without a score Pacemaker takes INFINITY.
      const sides = { dependent: side("rsc", "rsc-role"), with: side("with-rsc", "with-rsc-role") };
      return { kind: "colocation", id, score: score ?? infinity, ...sides };
    }
    case "rsc_order":
      return { kind: "order", id, mandatory: isMandatory(element, score) };
    case "rsc_location":
      return {
        kind: "location",
        id,
        score: score ?? ruleScoreOf(element),
        forbids: scoresOf(element).includes(-infinity),
      };
    case "rsc_ticket":
      return { kind: "ticket", id };
    default:
      return undefined;
  }
}

function setScoreOf(element: Element): number {
  return scoreOf(childrenOf(element, "resource_set")[0]?.getAttribute("score") ?? undefined) ?? infinity;
}

function ruleScoreOf(element: Element): number | undefined {
  const rules = childrenOf(element, "rule");
  return rules.length === 1 ? scoreOf(rules[0]?.getAttribute("score") ?? undefined) : undefined;
}

function isMandatory(element: Element, score: number | undefined): boolean {
  const kind = element.getAttribute("kind");
  return kind === null ? score !== 0 : kind === "Mandatory";
}

function scoresOf(element: Element): readonly (number | undefined)[] {
  return [element, ...descendantsOf(element, "rule")].map((each) => scoreOf(each.getAttribute("score") ?? undefined));
}
