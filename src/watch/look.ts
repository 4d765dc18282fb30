import { BlackstartError } from "../base/error.ts";
import { type Clock, delay } from "../base/time.ts";
import { type Connection, connect } from "../drivers/postgres/connection.ts";
import { type Following, following, isBroken } from "../drivers/postgres/following.ts";
import { socketAddressOf } from "../drivers/service/address.ts";
import { tcpProbe } from "../drivers/service/tcp.ts";
import { sourcesUnder } from "../drivers/postgres/endpoints.ts";
import type { Node } from "../system/schema.ts";
import { appliesTo } from "./checks/judge.ts";
import { healthChecks } from "./checks/list.ts";
import type { CheckedFacts, NodeFacts, Pulse } from "./facts.ts";
import { silentCondition } from "./node/attach.ts";
import { askBranch } from "./node/branch.ts";
import { conditionOf } from "./node/classify.ts";
import { momentOf, unknownFacts } from "./node/node-watch.ts";
import { persisting } from "./node/persisting.ts";
import { askIdentity, askPulse } from "./node/pulse.ts";

type Looking = Readonly<{
  clock: Clock;
  statementTimeoutMs: number;
  /** Whether the health checks are run as well, or only the standbys judged. */
  healthChecks: boolean;
  onNode?: ((cluster: string, node: string) => void) | undefined;
}>;

/** A node that answers: its facts so far, its last pulse, and the connection for the next one. */
type Open = Readonly<{ facts: NodeFacts; pulse: Pulse; connection: Connection; addresses: readonly string[] }>;

/** At least so much lies between two looks at a standby. */
const betweenLooksMs = 50;
/** What breaks for a moment only is no finding: what looks wrong is looked at once more after this. */
const onceMoreMs = 1000;

/** Looks at all nodes of a cluster, each with every health check. A standby is judged by two looks, see `following`. */
export async function lookAtCluster(
  cluster: string,
  nodes: Readonly<Record<string, Pick<Node, "url" | "replication" | "follows">>>,
  options: Looking,
): Promise<readonly NodeFacts[]> {
  const answers = await Promise.all(
    Object.entries(nodes).map(async ([node, { url }]) => {
      const place = { url, addresses: sourcesUnder(node, nodes) };
      const answer = await open(unknownFacts(cluster, node, momentOf(options.clock)), place, options);
      options.onNode?.(cluster, node);
      return answer;
    }),
  );
  const connections = answers.flatMap((one) => ("connection" in one ? [one.connection] : []));
  try {
    const second = await lookAgain(answers, betweenLooksMs, options);
    const last = second.some(looksWrong) ? await lookAgain(second, onceMoreMs, options) : second;
    return last.map((one) => ("connection" in one ? one.facts : one));
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

async function open(
  blank: NodeFacts,
  { url, addresses }: Readonly<{ url: string; addresses: readonly string[] }>,
  options: Looking,
): Promise<Open | NodeFacts> {
  const timeoutMs = options.statementTimeoutMs + 1000;
  let connection: Connection | undefined;
  try {
    connection = await connect(url, {
      timeoutMs: 3000,
      queryTimeoutMs: timeoutMs,
      applicationName: "blackstart check",
    });
    await connection.query(
      `set default_transaction_read_only = on; set lock_timeout = 1000; set statement_timeout = ${options.statementTimeoutMs}`,
    );
    const identity = await askIdentity(connection, timeoutMs);
    const pulse = await askPulse(connection, timeoutMs);
    const up: NodeFacts = { ...blank, condition: { kind: "up" }, identity, pulse };
    const checked = options.healthChecks ? await runAll(up, connection, timeoutMs, options.clock) : [];
    const facts = withPulse({ ...up, checked }, undefined, pulse, { kind: "unknown" }, options);
    return { facts, pulse, connection, addresses };
  } catch (error) {
    await connection?.close();
    return failed(blank, url, error);
  }
}

/** Primaries, then after a pause everybody. */
async function lookAgain(
  before: readonly (Open | NodeFacts)[],
  pauseMs: number,
  options: Looking,
): Promise<readonly (Open | NodeFacts)[]> {
  const between = await Promise.all(
    before.map((one) => (roleOf(one) === "primary" ? again(one, undefined, options) : one)),
  );
  const primaries = between.filter((one): one is Open => roleOf(one) === "primary");
  const primary = primaries.length === 1 ? primaries[0] : undefined;
  await delay(pauseMs);
  return Promise.all(between.map((one) => again(one, primary, options)));
}

async function again(one: Open | NodeFacts, primary: Open | undefined, options: Looking): Promise<Open | NodeFacts> {
  if (!("connection" in one)) return one;
  const { facts, pulse: before, connection, addresses } = one;
  try {
    const pulse = await askPulse(connection, options.statementTimeoutMs + 1000);
    const between = primary && { ...primary.pulse, addresses: primary.addresses };
    const seen: Following = pulse.role === "primary" ? { kind: "follows" } : following(before, between, pulse);
    const branch =
      primary === undefined || !isBroken(seen)
        ? undefined
        : await askBranch(connection.url, primary.connection.url, options.statementTimeoutMs);
    const judged = branch ?? seen;
    return { facts: withPulse(facts, before, pulse, judged, options), pulse, connection, addresses };
  } catch (error) {
    return failed(unknownFacts(facts.cluster, facts.node, facts.since), connection.url, error);
  }
}

function withPulse(
  facts: NodeFacts,
  before: Pulse | undefined,
  pulse: Pulse,
  judged: Following,
  { clock }: Looking,
): NodeFacts {
  const now = momentOf(clock);
  // Whether replay is stuck cannot be told from a moment.
  const { replayStuck: _, ...lasting } = persisting(facts.persisting, before, pulse, judged, now);
  return {
    ...facts,
    pulse,
    ...(judged.kind === "unknown" ? {} : { following: judged }),
    persisting: lasting,
    lastGood: now,
    ...(pulse.role === "primary" ? { lastPrimary: now } : {}),
  };
}

function roleOf(one: Open | NodeFacts): Pulse["role"] | undefined {
  return "connection" in one ? one.pulse.role : undefined;
}

function looksWrong(one: Open | NodeFacts): boolean {
  return "connection" in one && (Object.keys(one.facts.persisting).length > 0 || one.pulse.synchronousWaiters > 0);
}

async function failed(blank: NodeFacts, url: string, error: unknown): Promise<NodeFacts> {
  if (!(error instanceof BlackstartError)) throw error;
  const condition = conditionOf(error);
  if (condition.kind !== "silent") return { ...blank, condition };
  const { outcome, tookMs } = await tcpProbe(socketAddressOf(url))(1000);
  return {
    ...blank,
    condition: silentCondition({ reachable: outcome === "good", forMs: Math.round(3000 + tookMs) }),
  };
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
