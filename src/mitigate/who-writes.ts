import { type InstanceState, isAskedToPromote, isMarkedStandby, ranAsStandby } from "../drivers/postgres/instance.ts";
import type { Reachability } from "../drivers/postgres/reachability.ts";
import type { NodeFacts } from "./cluster-facts.ts";

/* Whether a node takes writes, as a pure decision with three answers: no answer is never a “no”. */

type Role = "primary" | "standby";

/** What was seen of one node. */
export type NodeSeen = Readonly<{
  /** What it said; undefined while it has said nothing. */
  role?: Role;
  /** Its promotion is pending: it takes writes once it has replayed all its WAL. */
  promoting?: boolean;
  /** Of its postmaster, as a standby says. */
  startedAt?: string;
  /** Why the last attempt to ask it failed. */
  failure?: Reachability;
  /** What its host sees; undefined where there is none, or it did not answer either. */
  host?: InstanceState;
  /** By its pg_control, as its host reads it, it is in archive recovery: it is a standby, though it lets nobody in. */
  recovers?: boolean;
  /** What it was when it was last observed. */
  remembered?: Role;
  /** The plan has fenced it, and made sure of it then. */
  fenced: boolean;
}>;

/** What has been seen of it after one more look. A promotion that was pending is so until the server ends or is a primary. */
export function seenNext(seen: NodeSeen, more: Partial<NodeSeen>): NodeSeen {
  const isPending = seen.promoting === true && more.role === "standby" && more.startedAt === seen.startedAt;
  return { ...seen, ...more, ...(isPending && { promoting: true }) };
}

/**
 * `unknown`: what is decided has to allow for a primary there; `becomes`: in any case, because its promotion is pending.
 * `why`: what was seen, in words.
 */
export type WritesVerdict = Readonly<{
  writes: "takes" | "does-not" | "unknown";
  why: string;
  role?: Role;
  becomes?: true;
}>;

/** @param waitedMs for how long it was asked again and again */
export function writesOf(seen: NodeSeen, waitedMs: number): WritesVerdict {
  const { role, failure, host, recovers, remembered, fenced } = seen;
  if (role === "primary") return { writes: "takes", why: "it takes writes", role };
  if (role === "standby" && seen.promoting === true)
    return { writes: "unknown", why: pendingText, role, becomes: true };
  if (role === "standby") return { writes: "does-not", why: "it is a standby", role };
  if (failure?.kind === "closed") return { writes: "does-not", why: "nothing listens at its address" };
  if (host?.state === "down") return { writes: "does-not", why: "its host sees it down" };
  // A server removes that file when it is promoted. In the directory of a living primary somebody has put it there.
  if (host !== undefined && isMarkedStandby(host) && (recovers === true || remembered === "standby"))
    return { writes: "does-not", why: "its host sees a standby" };
  if (fenced) return { writes: "does-not", why: "it is fenced" };
  if (host !== undefined && isAskedToPromote(host))
    return { writes: "unknown", why: `its host sees that ${pendingText}`, becomes: true };
  return { writes: "unknown", why: silenceText(failure, Math.round(waitedMs / 1000)) };
}

const pendingText = "its promotion is pending, and it takes writes once it has replayed all its WAL";

/** What a planner has seen of it. */
export function seenOf({ observation, promoting, reach, problem, instance, onDisk, remembered }: NodeFacts): NodeSeen {
  if (observation !== undefined) return { role: observation.role, ...(promoting && { promoting }), fenced: false };
  const kind = reach === "denied" ? "refused" : reach === "answers" ? "silent" : reach;
  return {
    failure: { kind, detail: problem ?? "" },
    ...(instance && { host: instance }),
    ...(onDisk && { recovers: ranAsStandby(onDisk.clusterState) }),
    ...(remembered && { remembered: remembered.role }),
    fenced: false,
  };
}

function silenceText(failure: Reachability | undefined, seconds: number): string {
  if (failure === undefined || failure.kind === "silent") return `it did not answer in ${seconds} s`;
  return `it could not be asked for ${seconds} s, ${failure.detail}`;
}
