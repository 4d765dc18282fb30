import { whatAndWhy } from "../../base/error.ts";
import type { Event } from "../../timeline/timeline.ts";
import type { IncidentEvent } from "../../timeline/incident.ts";
import type { PlanEvent } from "../../plan/events.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Actor } from "../../timeline/timeline.ts";
import { counted, durationText } from "./quantities.ts";

/** One event in one sentence. Kinds of a newer version are shown by their name. */
export function eventText(event: Event): string {
  if (event.kind.startsWith("incident.")) return incidentText(event as unknown as IncidentEvent) ?? event.kind;
  if (event.kind.startsWith("plan.") || event.kind.startsWith("step.")) {
    return planText(event as unknown as PlanEvent, event.by) ?? event.kind;
  }
  return event.kind;
}

function incidentText(event: IncidentEvent): string | undefined {
  switch (event.kind) {
    case "incident.opened":
      return `Opened, ${event.data.severity}: ${event.data.title}`;
    case "incident.finding-raised":
      return `Wrong: ${event.data.finding.title}`;
    case "incident.finding-cleared":
      return `Right again: ${event.data.code} of ${event.data.subject.name}`;
    case "incident.retitled":
      return `Title: ${event.data.title}`;
    case "incident.acknowledged":
      return `${event.data.who} has it`;
    case "incident.assigned":
      return `${event.data.who} is ${event.data.role}`;
    case "incident.severity-set":
      return `Severity ${event.data.severity}: ${event.data.reason}`;
    case "incident.noted":
      return event.data.text;
    case "incident.hypothesis-raised":
      return `Hypothesis ${event.data.hypothesis}: ${event.data.text}`;
    case "incident.hypothesis-evidence":
      return `Evidence ${event.data.for ? "for" : "against"} ${event.data.hypothesis}: ${event.data.text}`;
    case "incident.hypothesis-ruled-out":
      return `Ruled out ${event.data.hypothesis}: ${event.data.evidence}`;
    case "incident.hypothesis-confirmed":
      return `Confirmed ${event.data.hypothesis}: ${event.data.evidence}`;
    case "incident.plan-proposed":
      return `Plan ${event.data.plan}: ${event.data.title}`;
    case "incident.plan-ended":
      return `Plan ${event.data.plan} ended, ${event.data.outcome}: ${event.data.state}`;
    case "incident.mitigated":
      return `Works again: ${event.data.how}`;
    case "incident.recurred":
      return `Wrong again: ${event.data.findings.map((finding) => finding.title).join("; ")}`;
    case "incident.impact-measured":
      return `${event.data.failed} of ${counted(event.data.requests, "request")} to ${event.data.service} failed`;
    case "incident.recovery-recorded":
      return event.data.summary;
    case "incident.recovered":
      return `Recovered: ${event.data.summary}`;
    case "incident.resolved":
      return `Resolved: ${event.data.resolution}`;
    case "incident.postmortem-drafted":
      return `Postmortem drafted: ${event.data.path}`;
    default:
      return undefined;
  }
}

function planText(event: PlanEvent, by: Actor): string | undefined {
  switch (event.kind) {
    case "plan.stored":
      return storedText(event.data.plan, by);
    case "plan.approved":
      return `Approved by ${{ person: "a person", policy: "the policy", flag: "--yes" }[event.data.how]}`;
    case "plan.discarded":
      return `Discarded: ${event.data.reason}`;
    case "plan.started":
      return "Started";
    case "plan.resumed":
      return "Resumed";
    case "step.intended":
      return `${event.data.step} …`;
    case "step.done":
      return `${event.data.step}: ${event.data.already ? "was so already" : "done"} (${durationText(event.data.tookMs)})`;
    case "step.failed":
      return `${event.data.step} failed: ${whatAndWhy(event.data)}`;
    case "plan.finished":
      return event.data.outcome === "done" ? "Finished" : "Finished, but for steps that failed";
    case "plan.stop-requested":
      return `Asked to stop: ${event.data.reason}`;
    case "plan.stopped":
      return `Stopped at ${event.data.step}: ${event.data.state}`;
    case "plan.undo-started":
      return `Undoing started, confirmed by ${event.data.how === "person" ? "a person" : "--yes"}`;
    case "plan.undo-resumed":
      return "Undoing resumed";
    case "step.undo-intended":
      return `undo ${event.data.step} …`;
    case "step.undone":
      return event.data.nothing === undefined
        ? `${event.data.step}: undone (${durationText(event.data.tookMs)})`
        : `${event.data.step}: nothing to undo. ${event.data.nothing}`;
    case "step.undo-failed":
      return `${event.data.step} not undone: ${whatAndWhy(event.data)}`;
    case "plan.undone":
      return "Undone";
    case "plan.undo-stopped":
      return `Undoing stopped at ${event.data.step}: ${event.data.state}`;
    default:
      return undefined;
  }
}

/** What a person has made, that person carries out; what Blackstart itself has made waits to be approved, if the policy does not. */
function storedText({ id, kind, subject }: Plan, by: Actor): string {
  const text = `${kind} ${subject.name}`;
  return by === "auto" ? `Proposed: ${text}. To carry it out: blackstart plan resume ${id}` : `Planned: ${text}`;
}
