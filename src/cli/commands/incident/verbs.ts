import { BlackstartError } from "../../../base/error.ts";
import { nearest } from "../../../base/nearest.ts";
import type { Severity } from "../../../finding/finding.ts";
import { acknowledgeIncident } from "../../../respond/actions/acknowledge.ts";
import { assignRole } from "../../../respond/actions/assign.ts";
import type { ActionContext } from "../../../respond/actions/change-incident.ts";
import {
  confirmHypothesis,
  contradictHypothesis,
  ruleOutHypothesis,
  supportHypothesis,
} from "../../../respond/actions/hypothesis.ts";
import { noteOnIncident } from "../../../respond/actions/note.ts";
import { raiseHypothesis } from "../../../respond/actions/raise-hypothesis.ts";
import { resolveIncident } from "../../../respond/actions/resolve.ts";
import { setSeverity } from "../../../respond/actions/set-severity.ts";
import type { IncidentState } from "../../../timeline/incident-state.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { incidentJson } from "./list.ts";

/** Each says one thing of an incident, and then in one line what is now the case. */

export async function acknowledge(context: CommandContext, id: string): Promise<Outcome> {
  const state = await acknowledgeIncident(await by(context), id);
  return said(context, state, `${context.person} has it.`);
}

export async function note(context: CommandContext, id: string, words: readonly string[]): Promise<Outcome> {
  return said(context, await noteOnIncident(await by(context), id, words.join(" ")), "noted.");
}

export async function assign(context: CommandContext, id: string, who: string, role: string): Promise<Outcome> {
  return said(context, await assignRole(await by(context), id, { who, role }), `${who} is ${role}.`);
}

export async function changeSeverity(
  context: CommandContext,
  id: string,
  severity: string,
  reason: readonly string[],
): Promise<Outcome> {
  const asked = { severity: severityOf(severity), reason: reason.join(" ") };
  const state = await setSeverity(await by(context), id, asked);
  return said(context, state, `${state.severity} now.`);
}

export async function raise(context: CommandContext, id: string, words: readonly string[]): Promise<Outcome> {
  const { state, hypothesis } = await raiseHypothesis(await by(context), id, words.join(" "));
  return said(context, state, `hypothesis ${hypothesis} is raised.`, { hypothesis });
}

export type EvidenceWord = "support" | "contradict" | "rule-out" | "confirm";

export async function addEvidence(
  context: CommandContext,
  word: EvidenceWord,
  asked: Readonly<{ id: string; name: string; words: readonly string[] }>,
): Promise<Outcome> {
  const saying = { hypothesis: asked.name.toLowerCase(), text: asked.words.join(" ") };
  const action = {
    support: supportHypothesis,
    contradict: contradictHypothesis,
    "rule-out": ruleOutHypothesis,
    confirm: confirmHypothesis,
  }[word];
  const done = {
    support: "is supported",
    contradict: "is contradicted",
    "rule-out": "is ruled out",
    confirm: "is confirmed",
  };
  return said(
    context,
    await action(await by(context), asked.id, saying),
    `hypothesis ${saying.hypothesis} ${done[word]}.`,
  );
}

export async function resolve(
  context: CommandContext,
  id: string,
  words: readonly string[],
  despiteOpenFindings: boolean,
): Promise<Outcome> {
  const state = await resolveIncident(await by(context), id, { resolution: words.join(" "), despiteOpenFindings });
  context.out.progress(`Next: blackstart postmortem draft ${state.id}`);
  return said(context, state, "resolved.");
}

async function by(context: CommandContext): Promise<ActionContext> {
  return { timeline: await context.timeline(), by: context.actor };
}

function said(
  context: CommandContext,
  state: IncidentState,
  what: string,
  more: { hypothesis?: string } = {},
): Outcome {
  context.out.text(`${state.id}: ${what}`);
  return { result: { incident: incidentJson(state), ...more } };
}

function severityOf(text: string): Severity {
  const severities = ["critical", "warning", "info"] as const;
  const known = severities.find((severity) => severity === text);
  if (known !== undefined) return known;
  const meant = nearest(text, severities);
  throw new BlackstartError("USAGE", {
    what: `“${text}” is no severity.`,
    why: `There are: ${severities.join(", ")}.`,
    next: meant === undefined ? "Give one of them." : `Did you mean ${meant}?`,
  });
}
