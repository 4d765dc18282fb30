import type { KnownState } from "../drivers/postgres/instance.ts";
import type { Reachability } from "../drivers/postgres/reachability.ts";
import type { Reach } from "./cluster-facts.ts";
import { type Outage, otherOutage } from "./outage.ts";

/*
 * Whether a plan may end a server that runs. One that was down when it was planned is not the plan's to end: somebody has
 * started it since. One that hung is ended as long as it is the same, and hangs. Silence alone proves neither.
 */

/** @property startedAt of its postmaster, as it said then; null: it did not answer */
export type StopPlanned = Readonly<{
  startedAt: string | null;
  reach: Reach;
  state: KnownState["state"];
  outage: Outage;
}>;

/** @property answer of its postmaster's start, or why there was none */
export type StopSeen = Readonly<{ answer: string | Reachability; state: KnownState["state"]; outage: Outage }>;

/** `leave`: what was to be ended is gone, and the plan goes on with what runs. */
export type StopVerdict = Readonly<{ kind: "end" } | { kind: "leave" } | { kind: "refuse"; why: string }>;

/** Pure. @param now what is seen of a server that runs */
export function stopVerdict(planned: StopPlanned, now: StopSeen): StopVerdict {
  const { answer } = now;
  if (typeof answer === "string") return { kind: answer === planned.startedAt ? "end" : "leave" };
  if (otherOutage(planned.outage, { ...now.outage, seenAt: null }) !== undefined) return { kind: "leave" };
  // It answered, and its restart was asked for all the same.
  if (planned.startedAt !== null) return { kind: "end" };
  const why = otherOutage(planned.outage, now.outage) ?? livelier(planned, answer, now.state);
  return why === undefined ? { kind: "end" } : { kind: "refuse", why };
}

/** It does not hang as it did then: it may serve others. */
function livelier(planned: StopPlanned, { kind, detail }: Reachability, state: string): string | undefined {
  const isAlive = kind === "starting" || kind === "refused";
  if (isAlive && planned.reach !== "starting" && planned.reach !== "denied")
    return `it hung when this plan was made, and is alive now: ${detail}`;
  if (planned.state !== "running" && state === "running")
    return "its processes were halted when this plan was made, and run now";
  return undefined;
}
