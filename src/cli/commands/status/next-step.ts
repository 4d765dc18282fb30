import { type Finding, refText } from "../../../finding/finding.ts";
import type { Plan } from "../../../plan/plan.ts";
import { holdersOf } from "../../../timeline/incident-people.ts";
import { remedyCommand } from "../../../plan/command.ts";
import { sortedFindings } from "../../output/render-finding.ts";
import { goOnWith, isInterrupted } from "../plan/find.ts";
import type { StatusLook } from "./look.ts";

export type NextStep = Readonly<{ command: string; why: string }>;

/** The one command to type next. What was begun comes first, then what brings the service back, then the rest. */
export function nextStep(
  look: Omit<StatusLook, "nodes" | "syncStates" | "services" | "caches" | "at">,
): NextStep | undefined {
  const { plans, incidents, findings, system, up } = look;
  const interrupted = plans.find(isInterrupted);
  if (interrupted !== undefined) return { command: goOnWith(interrupted), why: "it was interrupted half-way" };
  const running = plans.find(({ state, undo }) => state === "running" || undo?.state === "running");
  if (running !== undefined) return { command: `blackstart plan show ${running.id}`, why: "it is being carried out" };

  const open = incidents.filter(({ status }) => status === "open");
  const worst = findings.filter(({ severity }) => severity === "critical");
  const proposals = plans.filter(
    ({ state, plan }) => state === "proposed" && open.some(({ id }) => id === plan.incident),
  );
  const proposed = proposals.findLast(({ plan }) => worst.some((one) => asksFor(one, plan))) ?? proposals.at(-1);
  if (proposed !== undefined) {
    return { command: `blackstart plan resume ${proposed.id}`, why: "it waits for somebody to approve it" };
  }
  const remedy = worst.map((finding) => finding.remedy && remedyCommand(finding.remedy)).find(Boolean);
  if (remedy) return { command: remedy, why: "it shows what would be done; --apply does it" };

  // Which of them is stale, only a person can say.
  if (worst.some(({ code }) => code === "roles.two-primaries"))
    return { command: "blackstart mitigate demote", why: "two primaries: it lists which could be stopped" };

  const unheld = open.find((incident) => holdersOf(incident).length === 0);
  if (unheld !== undefined) return { command: `blackstart incident ack ${unheld.id}`, why: "nobody has it" };
  if (worst.length > 0) return { command: "blackstart check", why: "every check, with its evidence" };
  if (open[0] !== undefined && up === undefined) {
    return { command: "blackstart up", why: "an incident is open, and nothing notices when it is over" };
  }
  if (open[0] !== undefined) return { command: `blackstart incident show ${open[0].id}`, why: "it is still open" };

  // What cannot be seen is not known to work again.
  if (findings.some(({ code }) => code === "cluster.primary-unknown"))
    return { command: "blackstart check", why: "it cannot be told who is the primary" };

  const left = plans.findLast(
    ({ state, plan }) =>
      state === "proposed" && incidents.some(({ id, status }) => status === "mitigated" && id === plan.incident),
  );
  if (left !== undefined) return { command: `blackstart plan resume ${left.id}`, why: "it works again; this is left" };

  const mitigated = incidents.find(({ status }) => status === "mitigated");
  const lesser = sortedFindings(findings).map((finding) => finding.remedy && remedyCommand(finding.remedy));
  const remains = lesser.find((command) => command !== undefined);
  const still =
    remains === undefined ? undefined : { command: remains, why: "it shows what would be done; --apply does it" };
  if (mitigated !== undefined)
    return (
      dataFirst(
        mitigated.recovery.map(({ act }) => act),
        system,
      ) ??
      still ?? { command: `blackstart incident resolve ${mitigated.id} "what put it right"`, why: "it works again" }
    );
  if (still !== undefined) return still;
  if (findings.length > 0) return { command: "blackstart check", why: "every check, with its evidence" };
  return up === undefined ? { command: "blackstart up", why: "nothing watches" } : undefined;
}

function asksFor({ remedy }: Finding, { kind, subject }: Plan): boolean {
  return remedy?.kind === kind && refText(remedy.subject) === refText(subject);
}

/** The service works again: now the data. */
function dataFirst(done: readonly string[], system: StatusLook["system"]): NextStep | undefined {
  const was = (act: string) => done.some((name) => name.includes(act));
  if (Object.keys(system.invariants).length > 0 && !was("invariant")) {
    return { command: "blackstart recover invariants", why: "it works again; is the data right?" };
  }
  if (Object.values(system.caches).some(({ entries }) => entries.length > 0) && !was("cache")) {
    return { command: "blackstart recover cache", why: "it works again; are the caches right?" };
  }
  return undefined;
}
