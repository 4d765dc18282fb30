import { type Clock, millisecondsBetween, systemClock } from "../base/time.ts";
import type { Finding } from "../finding/finding.ts";
import type { System } from "../system/schema.ts";
import type { DatedPromise } from "../timeline/promise-record.ts";
import { assess } from "./assess/assess.ts";
import { notFollowingCodes } from "./assess/standbys.ts";
import { lookAtClients } from "./clients/look.ts";
import { type Endpoint, cacheEndpoints, endpointTimeoutMs, serviceEndpoints } from "./endpoint/probes.ts";
import type { EndpointFacts } from "./facts.ts";
import { lookAtCluster } from "./look.ts";
import { momentOf } from "./node/node-watch.ts";

export type CheckOptions = Readonly<{
  clock?: Clock;
  /** What one health check may take, in milliseconds. Default: 5 s. */
  statementTimeoutMs?: number;
  /** Told of each node as soon as it has been looked at. */
  onNode?: (cluster: string, node: string) => void;
  /** What plans set for whom commits wait. */
  promises?: ReadonlyMap<string, DatedPromise>;
}>;

/** Looks at everything once: every node with every health check, every service, every cache. Changes nothing. */
export async function runChecks(system: System, options: CheckOptions = {}): Promise<readonly Finding[]> {
  const { clock = systemClock, statementTimeoutMs = 5000 } = options;
  const [nodes, services, caches, clients] = await Promise.all([
    Promise.all(
      Object.entries(system.clusters).map(([cluster, { nodes }]) =>
        lookAtCluster(cluster, nodes, { clock, statementTimeoutMs, healthChecks: true, onNode: options.onNode }),
      ),
    ),
    Promise.all(serviceEndpoints(system).map((endpoint) => lookAtEndpoint(endpoint, clock))),
    Promise.all(cacheEndpoints(system).map((endpoint) => lookAtEndpoint(endpoint, clock))),
    Promise.all(Object.entries(system.clusters).map(([name, cluster]) => lookAtClients(name, cluster))),
  ]);
  const now = momentOf(clock);
  const promises = new Map(
    [...(options.promises ?? [])].map(([name, record]) => {
      const since = { at: record.at, ms: now.ms + oneLookMs - millisecondsBetween(record.at, now.at) };
      return [name, { ...record, since }];
    }),
  );
  // There is one look only: what was seen in it counts as lasting, however short it was.
  return assess(
    system,
    { nodes: nodes.flat(), services, caches, clients: clients.filter((one) => one !== undefined), promises },
    { at: now.at, ms: now.ms + oneLookMs },
  );
}

/** The standbys that do not follow: two looks at each node tell, where the first answer to a watch does not. */
export async function notFollowing(system: System, clock: Clock = systemClock): Promise<readonly Finding[]> {
  const looking = { clock, statementTimeoutMs: 2000, healthChecks: false };
  const looks = Object.entries(system.clusters).map(([name, { nodes }]) => lookAtCluster(name, nodes, looking));
  const nodes = (await Promise.all(looks)).flat();
  const now = momentOf(clock);
  const facts = { nodes, services: [], caches: [], clients: [] };
  const all = assess(system, facts, { at: now.at, ms: now.ms + oneLookMs });
  return all.filter(({ code }) => notFollowingCodes.has(code));
}

/** Longer than every grace period of a lasting watch. */
const oneLookMs = 24 * 3600 * 1000;

/** A first failure is looked at once more, as the lasting watch does. */
async function lookAtEndpoint({ name, probe }: Endpoint, clock: Clock): Promise<EndpointFacts> {
  const since = momentOf(clock);
  const first = await probe(endpointTimeoutMs);
  const result = first.outcome === "good" ? first : await probe(endpointTimeoutMs);
  if (result.outcome === "good") return { name, state: "good", since, lastGood: since };
  return {
    name,
    state: "bad",
    since,
    detail: result.detail,
    ...(result.outcome === "refused" ? { refused: true } : {}),
  };
}
