import { type Finding, findingKey, refText } from "../finding/finding.ts";
import type { Plan, PlanRequest, Refusal } from "../plan/plan.ts";
import type { IncidentState } from "../timeline/incident-state.ts";

/* What the autopilot decides, as pure functions. */

/** What brings the service back comes before what makes it whole again. */
const urgency = [
  "failover",
  "demote",
  "move-clients",
  "restart",
  "degrade-synchronous",
  "unfence",
  "rejoin",
  "restore-synchronous",
];

/** The remedies that the open findings of an incident ask for, the most urgent first, each once. */
export function remediesOf(incident: IncidentState): readonly PlanRequest[] {
  if (incident.status === "resolved") return [];
  const remedies = incident.open.flatMap((finding) => (finding.remedy === undefined ? [] : [finding.remedy]));
  const unique = new Map(remedies.map((remedy) => [remedyKey(remedy), remedy]));
  return [...unique.values()]
    .filter((remedy) => urgency.includes(remedy.kind))
    .sort((a, b) => urgency.indexOf(a.kind) - urgency.indexOf(b.kind));
}

/** The open findings that ask for this remedy. */
export function findingsAsking(incident: IncidentState, remedy: PlanRequest): readonly Finding[] {
  if (incident.status === "resolved") return [];
  return incident.open.filter((one) => one.remedy !== undefined && remedyKey(one.remedy) === remedyKey(remedy));
}

export function remedyKey(remedy: Pick<PlanRequest, "kind" | "subject">): string {
  return findingKey({ code: remedy.kind, subject: remedy.subject });
}

/** The cluster that a remedy works on; remedies for one cluster are worked off one after the other. */
export function placeOfRemedy(remedy: Pick<PlanRequest, "subject">): string {
  const { kind, name } = remedy.subject;
  return kind === "node" || kind === "cluster" ? `cluster/${name.split("/")[0]}` : refText(remedy.subject);
}

/**
 * What becomes of a refusal. `passes`: nothing is to be done now. `starts`: the server comes back by itself, which
 * takes about 10 ms after the crash of one backend. `tell`: a person has to know what is missing.
 */
export function refusalMeans(refusal: Refusal): "passes" | "starts" | "tell" {
  switch (refusal.rule) {
    case "already":
    case "primary-alive":
      return "passes";
    case "primary-starting":
      return "starts";
    default:
      return "tell";
  }
}

export function refusalText(remedy: PlanRequest, refusal: Refusal): string {
  const accept = refusal.accept === undefined ? "" : ` With ${refusal.accept} the stated risk is accepted.`;
  return `No ${remedy.kind} of ${remedy.subject.name} is planned: ${refusal.missing} ${refusal.provide}${accept}`;
}

/** The title under which an incident shows a plan. */
export function planTitle(plan: Plan): string {
  const words: Readonly<Record<string, string>> = {
    failover: "Fail over",
    demote: "Stop the stale primary",
    "move-clients": "Point the clients to the primary",
    restart: "Restart",
    "degrade-synchronous": "Let commits go on without the missing standby",
    "restore-synchronous": "Wait for the standbys again",
    unfence: "Take the fence back",
    rejoin: "Bring back as a standby",
  };
  return `${words[plan.kind] ?? plan.kind}: ${plan.subject.name}`;
}
