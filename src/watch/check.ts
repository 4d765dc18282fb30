import { BlackstartError } from "../base/error.ts";
import { type Clock, delay, systemClock } from "../base/time.ts";
import { type Connection, connect } from "../drivers/postgres/connection.ts";
import { socketAddressOf } from "../drivers/service/address.ts";
import { tcpProbe } from "../drivers/service/tcp.ts";
import type { Finding } from "../finding/finding.ts";
import type { System } from "../system/schema.ts";
import { assess } from "./assess/assess.ts";
import { appliesTo } from "./checks/judge.ts";
import { healthChecks } from "./checks/list.ts";
import { type Endpoint, cacheEndpoints, endpointTimeoutMs, serviceEndpoints } from "./endpoint/probes.ts";
import type { CheckedFacts, EndpointFacts, NodeFacts } from "./facts.ts";
import { silentCondition } from "./node/attach.ts";
import { conditionOf } from "./node/classify.ts";
import { momentOf, unknownFacts } from "./node/node-watch.ts";
import { persisting } from "./node/persisting.ts";
import { askIdentity, askPulse } from "./node/pulse.ts";

export type CheckOptions = Readonly<{
  clock?: Clock;
  /** What one health check may take, in milliseconds. Default: 5 s. */
  statementTimeoutMs?: number;
  /** Told of each node as soon as it has been looked at. */
  onNode?: (cluster: string, node: string) => void;
}>;

/** Looks at everything once: every node with every health check, every service, every cache. Changes nothing. */
export async function runChecks(system: System, options: CheckOptions = {}): Promise<readonly Finding[]> {
  const { clock = systemClock, statementTimeoutMs = 5000 } = options;
  const [nodes, services, caches] = await Promise.all([
    Promise.all(
      Object.entries(system.clusters).flatMap(([cluster, { nodes }]) =>
        Object.entries(nodes).map(async ([node, { url }]) => {
          const facts = await lookAtNode(cluster, node, url, { clock, statementTimeoutMs });
          options.onNode?.(cluster, node);
          return facts;
        }),
      ),
    ),
    Promise.all(serviceEndpoints(system).map((endpoint) => lookAtEndpoint(endpoint, clock))),
    Promise.all(cacheEndpoints(system).map((endpoint) => lookAtEndpoint(endpoint, clock))),
  ]);
  const now = momentOf(clock);
  // There is one look only: what was seen in it counts as lasting, however short it was.
  return assess(system, { nodes, services, caches }, { at: now.at, ms: now.ms + oneLookMs });
}

/** Longer than every grace period of a lasting watch. */
const oneLookMs = 24 * 3600 * 1000;

/** The pause between the two heartbeats of one look where the first shows something that may pass. */
const betweenBeatsMs = 1000;

async function lookAtNode(
  cluster: string,
  node: string,
  url: string,
  options: { clock: Clock; statementTimeoutMs: number },
): Promise<NodeFacts> {
  const { clock, statementTimeoutMs } = options;
  const blank = unknownFacts(cluster, node, momentOf(clock));
  const timeoutMs = statementTimeoutMs + 1000;
  try {
    const connection = await connect(url, { timeoutMs: 3000, applicationName: "blackstart check" });
    try {
      await connection.query(
        `set default_transaction_read_only = on; set lock_timeout = 1000; set statement_timeout = ${statementTimeoutMs}`,
      );
      const identity = await askIdentity(connection, timeoutMs);
      const first = await askPulse(connection, timeoutMs);
      const begun = momentOf(clock);
      const checked = await runAll(
        { ...blank, condition: { kind: "up" }, identity, pulse: first },
        connection,
        timeoutMs,
        clock,
      );
      const early = persisting({}, undefined, first, begun);
      // What breaks for a moment only is no finding: what looks wrong is looked at once more.
      if (Object.keys(early).length > 0 || first.synchronousWaiters > 0)
        await delay(Math.max(0, betweenBeatsMs - (clock.monotonicMs() - begun.ms)));
      const pulse = await askPulse(connection, timeoutMs);
      const now = momentOf(clock);
      // Whether replay is stuck cannot be told from a moment.
      const { replayStuck: _, ...lasting } = persisting(early, first, pulse, begun);
      return {
        ...blank,
        condition: { kind: "up" },
        identity,
        pulse,
        persisting: lasting,
        lastGood: now,
        ...(pulse.role === "primary" ? { lastPrimary: now } : {}),
        checked,
      };
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    const condition = conditionOf(error);
    if (condition.kind !== "silent") return { ...blank, condition };
    const { outcome, tookMs } = await tcpProbe(socketAddressOf(url))(1000);
    return {
      ...blank,
      condition: silentCondition({ reachable: outcome === "good", forMs: Math.round(3000 + tookMs) }),
    };
  }
}

/** Every health check that applies to the node, one after the other. One that fails is told of, and the next one runs. */
async function runAll(
  one: NodeFacts,
  connection: Connection,
  timeoutMs: number,
  clock: Clock,
): Promise<CheckedFacts[]> {
  const checked: CheckedFacts[] = [];
  for (const check of healthChecks.filter((each) => appliesTo(each, one))) {
    const query = check.query(one.identity?.version ?? 0);
    try {
      const rows = await connection.query<Record<string, unknown>>(query, [], { timeoutMs });
      checked.push({ check: check.name, at: clock.now(), rows });
    } catch (error) {
      if (!(error instanceof BlackstartError) || error.code !== "QUERY_FAILED") throw error;
      checked.push({ check: check.name, at: clock.now(), rows: [], failed: error.message });
    }
  }
  return checked;
}

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
