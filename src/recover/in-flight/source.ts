import { BlackstartError, messageOf } from "../../base/error.ts";
import type { PlanEvent } from "../../plan/events.ts";
import type { ObservationEvent } from "../../timeline/observation.ts";
import { readAll } from "../../timeline/read-all.ts";
import type { Event, Timeline } from "../../timeline/timeline.ts";
import { localWalFiles, type WalFiles } from "../../wal/files.ts";
import { openWalDirectory, type WalDirectory } from "../../wal/segments.ts";
import type { RecoveryContext } from "../context.ts";
import { clusterOf } from "../../system/names.ts";
import { hostWalFiles } from "./host-wal-files.ts";

export type WalSource = Readonly<{ node: string | null; directory: string; wal: WalDirectory; remote: boolean }>;

/**
 * Finds the old primary's log: in the directory that was named; else where a plan has kept it; else still in the data
 * directory of the node, if its server does not run (a running one writes another story by now).
 */
export async function findWal(
  context: RecoveryContext,
  request: Readonly<{ cluster: string; node?: string; directory?: string }>,
): Promise<WalSource> {
  const { cluster } = request;
  const nodes = clusterOf(context.system, cluster).nodes;
  if (request.directory !== undefined) return await openAt(context, cluster, request.node ?? null, request.directory);
  const kept = await keptDirectories(context.timeline, cluster, request.node);
  const tried: string[] = [];
  for (const { node, directory } of kept) {
    try {
      return await openAt(context, cluster, node, directory);
    } catch (error) {
      tried.push(messageOf(error));
    }
  }
  for (const node of request.node === undefined ? Object.keys(nodes) : [request.node]) {
    const instance = await context.fleet.instance(cluster, node);
    if (instance === undefined) {
      tried.push(`${node}: its host or its data directory is not known`);
      continue;
    }
    const { state, standbySignal } = await instance.inspect();
    if (state === "running") tried.push(`${node}: its server runs`);
    // What a standby has of the log is a copy; it tells when the standby ended, not what was lost.
    else if (
      request.node === undefined &&
      standbySignal &&
      (await lastRole(context.timeline, cluster, node)) !== "primary"
    )
      tried.push(`${node}: its server was a standby`);
    else return await openAt(context, cluster, node, `${instance.dataDirectory}/pg_wal`);
  }
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The write-ahead log of ${cluster}'s old primary was not found.`,
    why: tried.join("; ") || "No plan has kept it.",
    next: "Name the directory in which it lies: --directory <…/pg_wal>, with --node where it is on another machine.",
  });
}

/** What the watch last saw it be. A dead primary may have been marked as a standby, so that it does not come back as one. */
async function lastRole(timeline: Timeline, cluster: string, node: string): Promise<string | undefined> {
  const events = (await readAll(timeline, { stream: `cluster/${cluster}` })) as readonly (Event & ObservationEvent)[];
  return events.findLast((event) => event.kind === "node.observed" && event.data.node === node)?.data.role;
}

/** The directories that `host.keep` steps of this cluster's plans have recorded, newest first. */
async function keptDirectories(
  timeline: Timeline,
  cluster: string,
  node: string | undefined,
): Promise<readonly { node: string; directory: string }[]> {
  const kept: { node: string; directory: string }[] = [];
  for (const stream of (await timeline.streams("plan/")).toReversed()) {
    const events = (await timeline.read({ stream })) as readonly (Event & PlanEvent)[];
    const stored = events.find((event) => event.kind === "plan.stored");
    if (stored?.kind !== "plan.stored") continue;
    for (const event of events) {
      if (event.kind !== "step.done") continue;
      const step = stored.data.plan.steps.find((each) => each.id === event.data.step && each.kind === "host.keep");
      const { directory } = event.data.outcome;
      const of = step?.parameters.node;
      if (step?.parameters.cluster !== cluster || typeof directory !== "string" || typeof of !== "string") continue;
      if (node === undefined || of === node) kept.push({ node: of, directory });
    }
  }
  return kept;
}

/** The log may lie in the directory itself, or in the `pg_wal` of a whole data directory. */
async function openAt(
  context: RecoveryContext,
  cluster: string,
  node: string | null,
  directory: string,
): Promise<WalSource> {
  const reference = node === null ? undefined : clusterOf(context.system, cluster).nodes[node]?.host;
  const remote = reference !== undefined && reference !== "local:";
  const filesAt = (path: string): WalFiles =>
    remote ? hostWalFiles(context.fleet.host(reference), path) : localWalFiles(path);
  let failure: unknown;
  for (const path of [directory, `${directory}/pg_wal`]) {
    const files = filesAt(path);
    try {
      return { node, directory: path, wal: await openWalDirectory(files), remote };
    } catch (error) {
      await files.close();
      failure ??= error;
    }
  }
  throw failure;
}
