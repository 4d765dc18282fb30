import type { Json } from "../../base/json.ts";
import type { PlanStatus, StepStatus } from "../../plan/status.ts";
import { code, inline, list, table } from "../markdown.ts";
import { type Story, stoppedService } from "../story.ts";
import { durationText, instantText } from "../times.ts";

/** What was done about it: the plans, their steps, what was verified and what failed. */
export function resolution({ incident, plans }: Story): string {
  const { mitigatedAt, resolvedAt } = incident.times;
  const what = stoppedService(incident)
    ? "the service"
    : `the ${incident.subject.kind} ${inline(incident.subject.name)}`;
  const state = [
    mitigatedAt === null
      ? `The timeline does not show that ${what} works again.`
      : `${what[0]?.toUpperCase()}${what.slice(1)} worked again at ${instantText(mitigatedAt)} UTC, ${inline(incident.mitigation ?? "")}.`,
    ...(resolvedAt === null
      ? []
      : [`Resolved at ${instantText(resolvedAt)} UTC: ${inline(incident.resolution ?? "")}`]),
  ].join(" ");
  const carriedOut = plans.map(planText);
  return [state, ...(carriedOut.length === 0 ? ["No plan was made."] : carriedOut)].join("\n\n");
}

function planText(status: PlanStatus): string {
  const { plan, approved, stopped } = status;
  const stateText = status.state === "interrupted" ? "begun; no end is recorded" : status.state;
  return [
    `### Plan ${code(status.id)} (${inline(plan.kind)}): ${stateText}`,
    list([
      `Made by ${inline(status.proposedBy)}${approved === undefined ? ", not approved" : `; approved by ${inline(approved.by)} (${approved.how}) at ${instantText(approved.at)}`}`,
      ...plan.because.map((reason) => `Because: ${inline(reason)}`),
      ...plan.risk.statements.map((statement) => `Risk: ${inline(statement)}`),
    ]),
    table(["Step", "Outcome"], status.steps.map(stepRow)),
    ...(stopped === undefined
      ? []
      : [`Stopped at ${code(stopped.step)}: ${inline(stopped.state)} Next: ${inline(stopped.next)}`]),
  ].join("\n\n");
}

function stepRow(status: StepStatus): readonly string[] {
  return [inline(status.step.title), outcomeText(status)];
}

function outcomeText(status: StepStatus): string {
  switch (status.state) {
    case "pending":
      return "not begun";
    case "intended":
      return "begun; no outcome is recorded";
    case "done":
      return status.already
        ? "was so already"
        : `done and verified in ${durationText(Math.round(status.tookMs))}${facts(status.outcome)}`;
    case "failed":
      return `**failed**: ${inline(status.message)} ${inline(status.why)}`;
  }
}

/** The results of the acts that made the data right. */
export function data({ incident }: Story): string {
  if (incident.recovery.length === 0)
    return "Nothing is recorded: neither what was in flight, nor whether rows or cache entries are wrong.";
  return list(
    incident.recovery.map(
      ({ act, summary, figures, at, by }) =>
        `${code(act)} (${inline(by)}, ${instantText(at)}): ${inline(summary)}${facts(figures)}`,
    ),
  );
}

/** The figures that fit on a line. */
function facts(outcome: Readonly<Record<string, Json>>): string {
  const simple = Object.entries(outcome).filter(([, value]) => value === null || typeof value !== "object");
  if (simple.length === 0) return "";
  return ` (${simple.map(([name, value]) => `${inline(name)}: ${inline(String(value))}`).join(", ")})`;
}
