import type { JsonObject } from "../base/json.ts";
import { type DiskEnd, isDown, ranAsStandby } from "../drivers/postgres/instance.ts";
import type { NodeFacts } from "./cluster-facts.ts";

/*
 * One outage of a primary is told from the next. A plan is made for what was seen of it, and its verdict on loss holds for
 * that only: had the server run again since, it may have acknowledged more, to other standbys, or to none.
 */

export type Outage = Readonly<{
  /** How its host saw it; null where that could not say. */
  state: "down" | "runs" | null;
  /** Of its postmaster, while one ran. */
  pid: number | null;
  /** When the last postmaster of this directory started, by its lock file: in a container the next one has its pid. */
  startedAtMs: number | null;
  /** Stands for the contents of pg_control: each start and each checkpoint changes them. */
  control: string | null;
  synchronousStandbyNames: string | null;
  synchronousCommit: string | null;
  /** The place in the timeline of the last look at it while it was well. */
  seenAt: number | null;
}>;

export function outageOf({ instance, startedAtMs, onDisk, configured, remembered }: OutageFacts): Outage {
  return {
    state: instance === undefined ? null : isDown(instance) ? "down" : "runs",
    pid: instance?.postmasterPid ?? null,
    startedAtMs: startedAtMs ?? null,
    control: onDisk?.control ?? null,
    synchronousStandbyNames: configured?.synchronousStandbyNames ?? null,
    synchronousCommit: configured?.synchronousCommit ?? null,
    seenAt: remembered?.position ?? null,
  };
}

/** The same of a server that starts again and again by itself: neither its process nor its pg_control tells outages apart. */
export function outageWhileStarting(node: OutageFacts): Outage {
  return { ...outageOf(node), state: null, pid: null, startedAtMs: null, control: null };
}

type OutageFacts = Pick<NodeFacts, "instance" | "startedAtMs" | "onDisk" | "configured" | "remembered">;

/** Why what is seen now is not the outage that the plan was made for; undefined: nothing says so. Pure. */
export function otherOutage(planned: Outage, now: Outage): string | undefined {
  const differs = <K extends keyof Outage>(key: K) =>
    (planned[key] ?? null) !== null && now[key] !== null && planned[key] !== now[key];
  const startedAnew = planned.state === "runs" && planned.pid === null && now.pid !== null;
  const started = "it was started since this plan was made";
  if (differs("pid") || startedAnew) return started;
  if (planned.state === "down" && now.state === "runs") return "it runs again";
  if (planned.state === "down" && now.state === "down" && differs("control"))
    return "it ran since this plan was made (its pg_control is another)";
  if (differs("startedAtMs")) return started;
  if (differs("synchronousStandbyNames") || differs("synchronousCommit"))
    return "for which standbys its commits wait was changed since this plan was made";
  // A server that hung may have gone on writing. Without its host or its files, too, only the watch's word is left.
  const isTold = planned.state === "down" && planned.control !== null && now.control !== null;
  if (!isTold && differs("seenAt")) return "it was seen at work since this plan was made";
  return undefined;
}

/** What is left of a fenced server: as long as nothing else is to be seen there, it has not taken writes since. */
export type Remains = Pick<DiskEnd, "control" | "clusterState"> &
  Readonly<{ standbySignal: boolean; promoteSignal?: true; runs: boolean }>;

/** Why a server that was fenced may have taken writes since; undefined: it has not. Pure. @param control as it was then */
export function ranSince(control: string, now: Remains): string | undefined {
  if (!now.standbySignal) return "its standby.signal was taken away";
  if (now.promoteSignal) return "somebody has promoted it";
  if (now.control === control) return now.runs ? "something is starting it" : undefined;
  // Started since, as a standby: it writes nothing of its own.
  return ranAsStandby(now.clusterState) ? undefined : `it ran since, and not as a standby (“${now.clusterState}”)`;
}

/** A type of data: it stands in a step. */
export function outageParameter(outage: Outage): JsonObject {
  return { ...outage };
}
