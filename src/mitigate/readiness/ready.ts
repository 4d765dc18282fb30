import { isRefusal, type Refusal } from "../../plan/plan.ts";
import type { ClusterFacts } from "../cluster-facts.ts";
import { type PlanDraft, refuse } from "../planning.ts";
import { clearedBy, type Lack, lacksOf } from "./lacks.ts";
import { refuseRights } from "./rights.ts";

/** The plan, if everything that its steps need is there: refused otherwise, or with what it will go on without. */
export function readied(plan: PlanDraft | Refusal, facts: ClusterFacts): PlanDraft | Refusal {
  if (isRefusal(plan)) return plan;
  const refused = refuseRights(plan, facts);
  if (refused !== undefined) return refused;
  const { stops, degrades } = lacksOf(plan, facts);
  const [first] = stops;
  if (first !== undefined)
    return refuse(
      first.rule,
      `The plan would stop half-way: ${stops.map(lackText).join("; ")}.`,
      stops.map(({ provide }) => provide).join(" "),
    );
  const statements = [
    ...degrades.map((lack) => `A step will fail, and the plan goes on without it: ${lackText(lack)}.`),
    ...clearedBy(plan, facts),
  ];
  return statements.length === 0
    ? plan
    : { ...plan, risk: { ...plan.risk, statements: [...plan.risk.statements, ...statements] } };
}

function lackText({ node, what }: Lack): string {
  return `on ${node}, ${what}`;
}
