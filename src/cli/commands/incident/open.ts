import { BlackstartError } from "../../../base/error.ts";
import { type Ref, refFromText, type Severity } from "../../../finding/finding.ts";
import { openIncident } from "../../../respond/actions/open.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { incidentJson } from "./list.ts";

const kinds = ["system", "cluster", "node", "cache", "service", "invariant"];

export async function openCommand(
  context: CommandContext,
  options: Readonly<{ severity: string; subject?: string; since?: string }>,
  words: readonly string[],
): Promise<Outcome> {
  const state = await openIncident(
    { timeline: await context.timeline(), by: context.actor },
    {
      title: words.join(" "),
      subject: options.subject === undefined ? await wholeSystem(context) : subjectOf(options.subject),
      severity: options.severity as Severity,
      ...(options.since === undefined ? {} : { outageStart: instantOf(options.since) }),
    },
  );
  context.out.text(`${state.id} is open.`);
  context.out.progress(`Next: blackstart incident ack ${state.id}`);
  return { result: { incident: incidentJson(state) } };
}

/** An incident can be opened where there is no system file, too: then it is about everything. */
async function wholeSystem(context: CommandContext): Promise<Ref> {
  try {
    return { kind: "system", name: (await context.system()).system };
  } catch (error) {
    if (error instanceof BlackstartError && error.code === "SYSTEM_FILE_MISSING")
      return { kind: "system", name: "system" };
    throw error;
  }
}

function subjectOf(text: string): Ref {
  const ref = refFromText(text);
  if (kinds.includes(ref.kind) && ref.name !== "") return ref;
  throw new BlackstartError("USAGE", {
    what: `“${text}” names nothing an incident can be about.`,
    why: `It is written kind:name, and the kinds are ${kinds.join(", ")}.`,
    next: "For example: --subject cluster:ledger",
  });
}

function instantOf(text: string): string {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw new BlackstartError("USAGE", {
    what: `“${text}” is no instant.`,
    why: "It is written as 2026-11-20T03:07:12Z; without the Z it is your local time.",
    next: "Give the moment from which the service did not work.",
  });
}
