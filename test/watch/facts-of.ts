import { assess } from "../../src/watch/assess/assess.ts";
import { type System, systemSchema } from "../../src/system/schema.ts";
import type { Facts, Moment, NodeCondition, NodeFacts, Pulse, Receiver, Sender } from "../../src/watch/facts.ts";
import { latencyFacts, noLatency } from "../../src/watch/node/latency.ts";

/* Facts for the tables of tests: a healthy three-node cluster, from which each row differs in what it is about. */

const beginning = Date.parse("2026-11-20T03:00:00.000Z");

export function moment(ms: number): Moment {
  return { ms, at: new Date(beginning + ms).toISOString() };
}

export const now = moment(100_000);

export function systemOf(
  more: Readonly<Record<string, unknown>> = {},
  cluster: Readonly<Record<string, unknown>> = {},
): System {
  const node = (address: number) => ({ url: `postgres://watch@10.0.0.${address}/ledger` });
  return systemSchema.parse({
    system: "payments",
    clusters: { ledger: { nodes: { pg1: node(1), pg2: node(2), pg3: node(3) }, ...cluster } },
    ...more,
  });
}

export function sender(name: string, more: Partial<Sender> = {}): Sender {
  return {
    applicationName: name,
    clientAddress: null,
    slotName: null,
    connectedMs: 60_000,
    state: "streaming",
    syncState: "async",
    flushLsn: "0/3000000",
    replayLsn: "0/3000000",
    ...more,
  };
}

export function primaryPulse(more: Partial<Pulse> = {}): Pulse {
  return {
    role: "primary",
    timelineId: 1,
    lsn: "0/3000000",
    replayedLsn: null,
    replayedAgeMs: null,
    replayPaused: false,
    applyDelayMs: 0,
    synchronousStandbyNames: "",
    synchronousCommit: "on",
    synchronousWaiters: 0,
    oldestWaiter: null,
    senders: [sender("pg2"), sender("pg3")],
    receiver: null,
    replicationName: null,
    naming: { primaryConninfo: "", clusterName: "" },
    wantsStreaming: null,
    aimedAt: null,
    restores: null,
    ...more,
  };
}

export function standbyPulse(name: string, more: Partial<Pulse> = {}): Pulse {
  return {
    ...primaryPulse(),
    role: "standby",
    replayedLsn: "0/3000000",
    replayedAgeMs: 60_000,
    senders: [],
    receiver: receiver(),
    replicationName: name,
    naming: { primaryConninfo: `application_name=${name}`, clusterName: "" },
    wantsStreaming: true,
    aimedAt: "10.0.0.1:5432",
    restores: false,
    ...more,
  };
}

export function receiver(more: Partial<Receiver> = {}): Receiver {
  return {
    pid: 4711,
    startedAt: moment(0).at,
    status: "streaming",
    timelineId: 1,
    heard: true,
    senderHost: "10.0.0.1",
    senderPort: 5432,
    slotName: null,
    lastMessageAgeMs: 20_000,
    ...more,
  };
}

export function node(name: string, pulse: Pulse | undefined, more: Partial<NodeFacts> = {}): NodeFacts {
  const good = moment(now.ms - 300);
  return {
    cluster: "ledger",
    node: name,
    condition: { kind: "up" },
    since: moment(0),
    identity: {
      version: 180004,
      systemIdentifier: "7000000000000000001",
      startedAt: moment(0).at,
      dataDirectory: `/data/${name}`,
      configFile: `/data/${name}/postgresql.conf`,
      monitors: true,
    },
    ...(pulse === undefined ? {} : { pulse, lastGood: good, goodBefore: moment(now.ms - 700) }),
    ...(pulse?.role === "primary" ? { lastPrimary: good } : {}),
    persisting: {},
    latency: latencyFacts(noLatency),
    acceptsConnections: true,
    checked: [],
    ...more,
  };
}

/** The condition began just now, the last answer is a little older. */
export function gone(
  kind: "down" | "hanging" | "unreachable" | "starting" | "refused",
  sinceMs = now.ms,
): Partial<NodeFacts> {
  const conditions: Record<typeof kind, NodeCondition> = {
    down: { kind: "down", detail: "Nothing listens at its address (connection refused)." },
    hanging: { kind: "hanging", silentForMs: 1000 },
    unreachable: { kind: "unreachable", detail: "Its machine does not answer." },
    starting: { kind: "starting", detail: "the database system is starting up" },
    refused: { kind: "refused", sqlstate: "28P01", detail: "password authentication failed" },
  };
  return { condition: conditions[kind], since: moment(sinceMs) };
}

export function factsOf(...nodes: readonly NodeFacts[]): Facts {
  return { nodes, services: [], caches: [], clients: [] };
}

export const healthy = [
  node("pg1", primaryPulse()),
  node("pg2", standbyPulse("pg2")),
  node("pg3", standbyPulse("pg3")),
] as const;

/** Each finding as `severity code subject [remedy]`. */
export function seen(facts: Facts, system = systemOf(), at = now): readonly string[] {
  return assess(system, facts, at)
    .map(({ severity, code, subject, remedy }) =>
      [
        severity,
        code,
        `${subject.kind}:${subject.name}`,
        ...(remedy === undefined ? [] : [`-> ${remedy.kind} ${remedy.subject.name}`]),
      ].join(" "),
    )
    .toSorted();
}
