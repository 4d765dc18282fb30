import { whatAndWhy } from "../base/error.ts";
import type { PlanEvent } from "../plan/events.ts";
import type { Plan } from "../plan/plan.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import type { Event } from "../timeline/timeline.ts";
import { code, inline } from "./markdown.ts";
import { durationText } from "./times.ts";

/** What happened, in one line of Markdown; undefined for what only matters to machines. */
export function eventLine(event: Event, plans: ReadonlyMap<string, Plan>): string | undefined {
  const said = event as unknown as IncidentEvent | PlanEvent;
  const plan = event.stream.slice(event.stream.indexOf("/") + 1);
  return said.kind.startsWith("incident.")
    ? incidentLine(said as IncidentEvent)
    : planLine(said as PlanEvent, plan, plans);
}

function incidentLine(said: IncidentEvent): string | undefined {
  switch (said.kind) {
    case "incident.opened":
      return `**Incident opened** (${said.data.severity}): ${inline(said.data.title)}`;
    case "incident.finding-raised":
      return `Found (${said.data.finding.severity}): ${inline(said.data.finding.title)} ${code(said.data.finding.code)}`;
    case "incident.finding-cleared":
      return `No longer seen: ${code(said.data.code)} of ${inline(said.data.subject.name)}`;
    case "incident.retitled":
      return `Title: ${inline(said.data.title)}`;
    case "incident.acknowledged":
      return `**Acknowledged** by ${inline(said.data.who)}`;
    case "incident.assigned":
      return `${inline(said.data.who)} is ${inline(said.data.role)}`;
    case "incident.severity-set":
      return `Severity ${said.data.severity}: ${inline(said.data.reason)}`;
    case "incident.noted":
      return `Note: ${inline(said.data.text)}`;
    case "incident.hypothesis-raised":
      return `Hypothesis ${inline(said.data.hypothesis)}: ${inline(said.data.text)}`;
    case "incident.hypothesis-evidence":
      return `${said.data.for ? "For" : "Against"} ${inline(said.data.hypothesis)}: ${inline(said.data.text)}`;
    case "incident.hypothesis-ruled-out":
      return `${inline(said.data.hypothesis)} ruled out: ${inline(said.data.evidence)}`;
    case "incident.hypothesis-confirmed":
      return `${inline(said.data.hypothesis)} confirmed: ${inline(said.data.evidence)}`;
    case "incident.plan-proposed":
      return `Plan ${code(said.data.plan)} proposed: ${inline(said.data.title)}`;
    case "incident.plan-ended":
      return `Plan ${code(said.data.plan)} ended (${inline(said.data.outcome)}): ${inline(said.data.state)}`;
    case "incident.mitigated":
      return `**Mitigated** ${inline(said.data.how)}`;
    case "incident.recurred":
      return `**Wrong again**: ${said.data.findings.map(({ title }) => inline(title)).join(" ")}`;
    case "incident.impact-measured":
      return `Impact on ${inline(said.data.service)}: ${said.data.failed} of ${said.data.requests} requests failed`;
    case "incident.recovery-recorded":
      return `${inline(said.data.act)}: ${inline(said.data.summary)}`;
    case "incident.recovered":
      return `**Recovered**: ${inline(said.data.summary)}`;
    case "incident.resolved":
      return `**Resolved**: ${inline(said.data.resolution)}`;
    case "incident.postmortem-drafted":
      return undefined; // It is this text itself.
    default:
      return unknownKind(said);
  }
}

function planLine(said: PlanEvent, id: string, plans: ReadonlyMap<string, Plan>): string | undefined {
  const title = (step: string) => {
    const found = plans.get(id)?.steps.find((candidate) => candidate.id === step)?.title;
    return found === undefined ? code(step) : inline(found);
  };
  switch (said.kind) {
    case "plan.stored":
      return `Plan ${code(id)} made (${inline(said.data.plan.kind)})`;
    case "plan.approved":
      return `Plan ${code(id)} approved by ${said.data.how}`;
    case "plan.discarded":
      return `Plan ${code(id)} discarded: ${inline(said.data.reason)}`;
    case "plan.started":
      return `Plan ${code(id)} started`;
    case "plan.resumed":
      return `Plan ${code(id)} resumed after an interruption`;
    case "step.intended":
      return undefined; // Its outcome tells more; one without an outcome stands in the resolution.
    case "step.done":
      return said.data.already
        ? `${title(said.data.step)}: was so already`
        : `${title(said.data.step)}: done in ${durationText(Math.round(said.data.tookMs))}`;
    case "step.failed":
      return `**Failed**: ${title(said.data.step)}: ${inline(whatAndWhy(said.data))}`;
    case "plan.finished":
      return `Plan ${code(id)} finished: ${inline(said.data.outcome)}`;
    case "plan.stop-requested":
      return `Plan ${code(id)} asked to stop: ${inline(said.data.reason)}`;
    case "plan.stopped":
      return `**Plan ${code(id)} stopped** at ${code(said.data.step)}: ${inline(said.data.state)}`;
    case "plan.undo-started":
      return `Undoing of plan ${code(id)} started`;
    case "plan.undo-resumed":
      return `Undoing of plan ${code(id)} resumed after an interruption`;
    case "step.undo-intended":
      return undefined;
    case "step.undone":
      return said.data.nothing === undefined
        ? `${title(said.data.step)}: **undone** in ${durationText(Math.round(said.data.tookMs))}`
        : `${title(said.data.step)}: nothing to undo. ${inline(said.data.nothing)}`;
    case "step.undo-failed":
      return `**Not undone**: ${title(said.data.step)}: ${inline(whatAndWhy(said.data))}`;
    case "plan.undone":
      return `**Plan ${code(id)} undone**`;
    case "plan.undo-stopped":
      return `**Undoing of plan ${code(id)} stopped** at ${code(said.data.step)}: ${inline(said.data.state)}`;
    default:
      return unknownKind(said);
  }
}

/** What a newer version has recorded is left to that version. */
function unknownKind(_said: never): undefined {
  return undefined;
}
