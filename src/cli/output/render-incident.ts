import type { Instant } from "../../base/time.ts";
import type { Hypothesis, IncidentPlan, IncidentState } from "../../timeline/incident-fold.ts";
import { holdersOf } from "../../timeline/incident-people.ts";
import { type Layout, wrapped } from "./layout.ts";
import { ageText, counted, momentText } from "./quantities.ts";
import { renderFinding, severityText } from "./render-finding.ts";
import type { Style } from "./style.ts";

/** Two lines for a list: what it is called and how it stands; what it is about. */
export function renderIncidentLine(incident: IncidentState, now: Instant, style: Style, layout: Layout): string[] {
  const since = incident.times.outageStart ?? incident.times.noticedAt;
  const status = {
    open: style.red(`open for ${ageText(incident.outages.at(-1)?.from ?? since, now)}`),
    mitigated: style.yellow(`works again since ${ageText(incident.times.mitigatedAt ?? since, now)}`),
    resolved: style.dim(`resolved ${momentText(incident.times.resolvedAt ?? since).slice(0, 16)}`),
  }[incident.status];
  const who = holdersOf(incident).join(", ");
  const held =
    who === "" ? (incident.status === "resolved" ? "" : `, ${style.bold("nobody has it")}`) : `, ${who} has it`;
  return [
    `${style.bold(incident.id)}  ${severityText(incident.severity, style).trim()}, ${status}${held}`,
    ...wrapped(incident.title, layout.width, "  "),
  ];
}

/** Everything one needs to take it over: how it stands, what is wrong, who, what is thought, what is planned. */
export function renderIncident(incident: IncidentState, now: Instant, style: Style, layout: Layout): string[] {
  const lines = renderIncidentLine(incident, now, style, layout);
  const section = (title: string, content: readonly string[]) => {
    if (content.length > 0) lines.push("", style.bold(title), ...content);
  };
  section(
    "Wrong now",
    incident.open.flatMap((finding) => renderFinding(finding, style, layout)),
  );
  section(
    "People",
    incident.people.map(({ who, roles }) => `  ${who}: ${roles.length === 0 ? "had it before" : roles.join(", ")}`),
  );
  section(
    "Hypotheses",
    incident.hypotheses.flatMap((hypothesis) => hypothesisLines(hypothesis, style, layout)),
  );
  section(
    "Plans",
    incident.plans.flatMap((plan) => planLines(plan, layout)),
  );
  section(
    "Impact",
    incident.impact.map(
      ({ service, requests, failed }) => `  ${service}: ${failed} of ${counted(requests, "request")} failed`,
    ),
  );
  section(
    "Recovery",
    incident.recovery.flatMap(({ summary }) => wrapped(summary, layout.width, "  ")),
  );
  if (incident.resolution !== null) section("Resolution", wrapped(incident.resolution, layout.width, "  "));
  return lines;
}

/** Of one that did not come to its end, in what state it left things. */
function planLines({ plan, title, ended }: IncidentPlan, layout: Layout): string[] {
  const line = `  ${plan}: ${title}${ended === null ? "" : ` (${ended.outcome})`}`;
  return ended === null || ended.outcome === "done" ? [line] : [line, ...wrapped(ended.state, layout.width, "    ")];
}

function hypothesisLines(hypothesis: Hypothesis, style: Style, layout: Layout): string[] {
  const state = {
    raised: style.yellow("open"),
    "ruled-out": style.dim("ruled out"),
    confirmed: style.green("confirmed"),
  };
  return [
    ...wrapped(`${hypothesis.text} (${state[hypothesis.state]})`, layout.width, `  ${hypothesis.id}: `),
    ...hypothesis.evidence.flatMap((evidence) =>
      wrapped(evidence.text, layout.width, `    ${evidence.for ? "for" : "against"}: `),
    ),
  ];
}
