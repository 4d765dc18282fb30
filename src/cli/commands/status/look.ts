import { delay, millisecondsBetween, systemClock } from "../../../base/time.ts";
import type { ProbeResult } from "../../../drivers/service/probe.ts";
import { type Finding, findingKey } from "../../../finding/finding.ts";
import { listPlans, type PlanStatus } from "../../../plan/status.ts";
import type { System } from "../../../system/schema.ts";
import { type IncidentState, listIncidents } from "../../../timeline/incident-state.ts";
import type { ObservationEvent } from "../../../timeline/observation.ts";
import { readPromises } from "../../../timeline/promise-record.ts";
import type { LeaseState } from "../../../timeline/timeline.ts";
import { cacheEndpoints, type Endpoint, serviceEndpoints } from "../../../watch/endpoint/probes.ts";
import { notFollowing } from "../../../watch/check.ts";
import type { NodeStatus } from "../../../watch/status.ts";
import { momentOf } from "../../../watch/node/node-watch.ts";
import { startWatcher } from "../../../watch/watcher.ts";
import type { CommandContext } from "../../context.ts";
import { rememberedOf } from "../../../mitigate/memory.ts";

/** Everything that is on the screen. */
export type StatusLook = Readonly<{
  system: System;
  at: string;
  nodes: readonly NodeStatus[];
  /** The synchronous state of standbys as their primary says, or said last. By `cluster/node`. */
  syncStates: ReadonlyMap<string, string>;
  services: readonly EndpointLook[];
  caches: readonly EndpointLook[];
  findings: readonly Finding[];
  incidents: readonly IncidentState[];
  plans: readonly PlanStatus[];
  /** The lease of `blackstart up`, where it runs. */
  up: LeaseState | undefined;
}>;

export type EndpointLook = Readonly<{ name: string } & ProbeResult>;

/** A machine that does not answer within this is shown as it stands then. */
const patienceMs = 4000;
const probeTimeoutMs = 2000;

/** Looks itself, once and quickly, whether or not `blackstart up` runs: what is seen now is worth more than a record. */
export async function look(context: CommandContext): Promise<StatusLook> {
  const system = await context.system();
  const timeline = await context.timeline();
  const [cluster, strays, services, caches, incidents, plans, up] = await Promise.all([
    lookAtNodes(context, system),
    withPatience(context, notFollowing(system), []),
    probeAll(serviceEndpoints(system)),
    probeAll(cacheEndpoints(system)),
    listIncidents(timeline),
    listPlans(timeline),
    timeline.leaseState("up"),
  ]);
  const keys = new Set(cluster.findings.map(findingKey));
  const findings = [...cluster.findings, ...strays.filter((one) => !keys.has(findingKey(one)))];
  return {
    system,
    at: systemClock.now(),
    ...cluster,
    findings: up?.held ? asToldBefore(findings, incidents) : findings,
    services,
    caches,
    incidents,
    plans,
    up: up?.held ? up : undefined,
  };
}

async function lookAtNodes(context: CommandContext, system: System) {
  const observations: ObservationEvent["data"][] = [];
  for (const cluster of Object.keys(system.clusters)) {
    observations.push(...(await rememberedOf(await context.timeline(), cluster)).values());
  }
  const timeline = await context.timeline();
  const { at: now, ms } = momentOf(systemClock);
  const records = [...(await readPromises(timeline, Object.keys(system.clusters)))];
  const watcher = startWatcher({
    system,
    promises: new Map(
      records.map(([name, record]) => [
        name,
        { ...record, since: { at: record.at, ms: ms - millisecondsBetween(record.at, now) } },
      ]),
    ),
    report: () => undefined,
    observed: ({ data }) => void observations.push(data),
  });
  try {
    await withPatience(context, watcher.looked(), undefined);
    return { nodes: watcher.nodes(), findings: watcher.findings(), syncStates: syncStatesOf(observations) };
  } finally {
    await watcher.close();
  }
}

async function withPatience<T>({ signal }: CommandContext, work: Promise<T>, otherwise: T): Promise<T> {
  const patience = new AbortController();
  try {
    const waited = delay(patienceMs, AbortSignal.any([patience.signal, signal])).then(() => otherwise);
    const result = await Promise.race([work, waited]);
    signal.throwIfAborted();
    return result;
  } finally {
    patience.abort();
  }
}

/**
 * What is seen now, in the words of the one who watches: it has seen what was before (which node was the primary, say),
 * and one look has not.
 */
export function asToldBefore(findings: readonly Finding[], incidents: readonly IncidentState[]): readonly Finding[] {
  const told = incidents.filter(({ status }) => status !== "resolved").flatMap(({ open }) => open);
  const keys = new Set(findings.map(findingKey));
  return [
    ...findings.map((finding) => told.findLast((other) => findingKey(other) === findingKey(finding)) ?? finding),
    // Whether a standby follows takes longer to see than one look.
    ...told.filter((finding) => finding.code.startsWith("replication.") && !keys.has(findingKey(finding))),
  ];
}

function syncStatesOf(observations: readonly ObservationEvent["data"][]): ReadonlyMap<string, string> {
  return new Map(
    observations.flatMap(({ cluster, standbys }) =>
      standbys.map(({ node, syncState }) => [`${cluster}/${node}`, syncState] as const),
    ),
  );
}

async function probeAll(endpoints: readonly Endpoint[]): Promise<readonly EndpointLook[]> {
  return Promise.all(endpoints.map(async ({ name, probe }) => ({ name, ...(await probe(probeTimeoutMs)) })));
}
