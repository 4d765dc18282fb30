import { type Clock, type Instant, systemClock } from "../base/time.ts";
import { readCounts } from "../drivers/service/counters.ts";
import type { FindingsChange } from "../finding/change.ts";
import type { Finding } from "../finding/finding.ts";
import { sourcesUnder } from "../drivers/postgres/endpoints.ts";
import type { System } from "../system/schema.ts";
import type { ObservationEvent } from "../timeline/observation.ts";
import { assess } from "./assess/assess.ts";
import { viewOf } from "./assess/view.ts";
import { createCheckRound } from "./checks/round.ts";
import { diffFindings, type OpenFindings } from "./diff.ts";
import { type ClientsWatch, startClientsWatch } from "./clients/clients-watch.ts";
import { type EndpointWatch, startEndpointWatch } from "./endpoint/endpoint-watch.ts";
import { createCountHistory, type CountHistory, type Impact } from "./endpoint/impact.ts";
import { cacheEndpoints, endpointEveryMs, endpointTimeoutMs, serviceEndpoints } from "./endpoint/probes.ts";
import type { Facts, NodeFacts, PromiseFacts } from "./facts.ts";
import { beatEveryMs, momentOf, type NodeWatch, startNodeWatch } from "./node/node-watch.ts";
import { createPositionHistory } from "./node/position-history.ts";
import { observationOf } from "./observed.ts";
import { type NodeStatus, statusOf } from "./status.ts";

/** Looks at a system without a pause, and changes nothing. */
export interface Watcher {
  /** What is wrong now. */
  findings(): readonly Finding[];
  /** Every node, and how it is. */
  nodes(): readonly NodeStatus[];
  /** What a service counted between two moments; undefined where nothing was counted. */
  impact(service: string, from: Instant, to: Instant): Impact | undefined;
  /** Resolves when every node, service and cache has been looked at once. */
  looked(): Promise<void>;
  close(): Promise<void>;
}

export type WatcherOptions = Readonly<{
  system: System;
  clock?: Clock;
  /** Called at once with everything that became wrong or right at one moment. */
  report(change: FindingsChange): void;
  /** What plans set for whom commits wait, as it is known now. */
  promises?: ReadonlyMap<string, PromiseFacts>;
  /** Called when what is to be remembered of a node has changed. */
  observed?(event: ObservationEvent): void;
}>;

export function startWatcher(options: WatcherOptions): Watcher {
  const { system, clock = systemClock } = options;
  const looked = Promise.withResolvers<void>();
  const observations = createObservationFilter(system, options.observed);
  const counts = new Map<string, CountHistory>();
  let nodes: readonly NodeWatch[] = [];
  let services: readonly EndpointWatch[] = [];
  let caches: readonly EndpointWatch[] = [];
  let clients: readonly ClientsWatch[] = [];
  let open: OpenFindings = new Map();
  let closed = false;

  function facts(): Facts {
    return {
      nodes: nodes.map((node) => node.facts()),
      services: services.map((service) => service.facts()),
      caches: caches.map((cache) => cache.facts()),
      ...(options.promises === undefined ? {} : { promises: options.promises }),
      clients: clients.map((one) => one.facts()).filter((one) => one !== undefined),
    };
  }

  /** Runs in the same turn of the event loop as the news that it judges. */
  function look(): void {
    if (closed) return;
    const known = facts();
    const now = momentOf(clock);
    const { open: next, change } = diffFindings(open, assess(system, known, now), now.at);
    open = next;
    if (change !== undefined) options.report(change);
    const all = [
      ...known.nodes.map((one) => one.condition.kind),
      ...known.services.map((one) => one.state),
      ...known.caches.map((one) => one.state),
    ];
    if (all.every((state) => state !== "unknown")) looked.resolve();
  }

  function nodeChanged(before: NodeFacts | undefined, after: NodeFacts): void {
    look();
    observations(facts(), after, momentOf(clock));
    if (after.pulse?.role !== before?.pulse?.role) for (const one of clients) one.poke();
    if (before !== undefined && before.condition.kind === after.condition.kind) return;
    // What its neighbours say of it now is worth more than what they said a third of a second ago.
    for (const neighbour of nodes) {
      const other = neighbour.facts();
      if (other.cluster === after.cluster && other.node !== after.node && after.condition.kind !== "unknown")
        neighbour.poke();
    }
  }

  const primaryUrl = (cluster: string): string | undefined => {
    const known = nodes.map((node) => node.facts()).filter((one) => one.cluster === cluster);
    const primaries = known.filter((one) => one.condition.kind === "up" && one.pulse?.role === "primary");
    const [primary] = primaries;
    return primaries.length === 1 && primary ? system.clusters[cluster]?.nodes[primary.node]?.url : undefined;
  };
  nodes = startNodes(system, clock, primaryUrl, nodeChanged);
  const common = { everyMs: endpointEveryMs, timeoutMs: endpointTimeoutMs, clock, changed: look };
  services = serviceEndpoints(system).map((endpoint) => {
    const source = system.services[endpoint.name]?.counts;
    if (source === undefined) return startEndpointWatch({ ...common, ...endpoint });
    const history = createCountHistory();
    counts.set(endpoint.name, history);
    const after = async () => {
      const now = await readCounts(source, endpointTimeoutMs);
      if (now !== undefined) history.add(now, clock.now());
    };
    return startEndpointWatch({ ...common, ...endpoint, after });
  });
  caches = cacheEndpoints(system).map((endpoint) => startEndpointWatch({ ...common, ...endpoint }));
  clients = Object.entries(system.clusters).map(([name, cluster]) => {
    const isAmiss = () =>
      [...open.values()].some((one) => one.code.startsWith("clients.") && one.subject.name === name);
    return startClientsWatch({ name, cluster, isAmiss, changed: look });
  });
  look();

  return {
    findings: () => [...open.values()],
    nodes: () => nodes.map((node) => statusOf(node.facts(), clock)),
    impact: (service, from, to) => counts.get(service)?.between(service, from, to),
    looked: () => looked.promise,
    async close() {
      closed = true;
      looked.resolve();
      await Promise.all([...nodes, ...services, ...caches, ...clients].map((one) => one.close()));
    },
  };
}

function startNodes(
  system: System,
  clock: Clock,
  primaryUrl: (cluster: string) => string | undefined,
  changed: (before: NodeFacts | undefined, after: NodeFacts) => void,
): readonly NodeWatch[] {
  return Object.entries(system.clusters).flatMap(([cluster, { nodes }]) => {
    const positions = createPositionHistory();
    return Object.entries(nodes).map(([node, { url }]) => {
      const round = createCheckRound(system.watch.checks, beatEveryMs(system.watch.heartbeat), clock);
      let before: NodeFacts | undefined;
      return startNodeWatch({
        cluster,
        node,
        url,
        addresses: sourcesUnder(node, nodes),
        heartbeatMs: system.watch.heartbeat,
        clock,
        positions,
        primaryUrl: () => primaryUrl(cluster),
        errand: round.next,
        changed(after) {
          const previous = before;
          before = after;
          changed(previous, after);
        },
      });
    });
  });
}

/** Lets through only what differs from what was told of the same node since it was last away. */
function createObservationFilter(system: System, observed: WatcherOptions["observed"]) {
  const told = new Map<string, string>();
  return (facts: Facts, one: NodeFacts, now: { at: Instant; ms: number }): void => {
    const cluster = system.clusters[one.cluster];
    if (observed === undefined || cluster === undefined) return;
    const key = `${one.cluster}/${one.node}`;
    // Back again, it is told of anew: a plan that was made while it was away is for an outage that is over.
    if (one.condition.kind !== "up" && one.condition.kind !== "unknown") told.delete(key);
    const data = observationOf(viewOf(system, one.cluster, cluster, facts, now), one);
    if (data === undefined) return;
    const text = JSON.stringify(data);
    if (told.get(key) === text) return;
    told.set(key, text);
    observed({ kind: "node.observed", data });
  };
}
