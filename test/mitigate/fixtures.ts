import type { Ancestor } from "../../src/drivers/postgres/history.ts";
import type { NodeObservation } from "../../src/drivers/postgres/observe.ts";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import type { Choice } from "../../src/mitigate/planning.ts";
import { type System, systemSchema } from "../../src/system/schema.ts";

/* A cluster of three, as facts: pg1 the primary, pg2 synchronous, pg3 asynchronous. */

export const noChoice: Choice = { acceptLoss: false, evenIfStarting: false };

export function system(change: Record<string, unknown> = {}): System {
  const node = (number: number) => ({ url: `postgres://b@127.0.0.1:${number}/x`, host: "local:" });
  return systemSchema.parse({
    system: "test",
    clusters: {
      ledger: {
        synchronous: 1,
        nodes: { pg1: node(1), pg2: node(2), pg3: node(3) },
        clients: { file: "/tmp/address" },
        ...change,
      },
    },
  });
}

export function observation(role: "primary" | "standby", change: Partial<NodeObservation> = {}): NodeObservation {
  return {
    role,
    version: 150_000,
    systemIdentifier: "1",
    timelineId: 1,
    lsn: "0/3000000",
    receivedLsn: role === "standby" ? "0/3000000" : null,
    replayedLsn: role === "standby" ? "0/3000000" : null,
    replayPaused: false,
    applyDelayMs: 0,
    wantsStreaming: role === "standby" ? true : null,
    restores: role === "standby" ? false : null,
    startedAt: "2026-11-20T00:00:00.000Z",
    settings: {
      synchronousStandbyNames: role === "primary" ? "pg2" : "",
      synchronousCommit: "on",
      primaryConninfo: role === "standby" ? "host=127.0.0.1 port=1" : "",
      clusterName: "",
      dataDirectory: "/data",
      configFile: "/data/postgresql.conf",
    },
    standbys:
      role === "primary"
        ? ["pg2", "pg3"].map((name) => ({
            applicationName: name,
            clientAddress: "127.0.0.1",
            slotName: null,
            lastMessageAgeMs: null,
            state: "streaming",
            syncState: name === "pg2" ? "sync" : "async",
            sentLsn: null,
            flushLsn: "0/3000000",
            replayLsn: null,
          }))
        : [],
    receiver: role === "standby" ? receiver() : null,
    ...change,
  };
}

export function receiver(
  change: Partial<NonNullable<NodeObservation["receiver"]>> = {},
): NonNullable<NodeObservation["receiver"]> {
  return {
    pid: 4711,
    startedAt: "2026-11-20T00:00:01.000Z",
    status: "streaming",
    timelineId: 1,
    heard: true,
    senderHost: "127.0.0.1",
    senderPort: 1,
    slotName: null,
    name: null,
    lastMessageAgeMs: null,
    ...change,
  };
}

/** Each timeline left the one before it at 0/3000000. */
export function ancestorsOf(timelineId: number): readonly Ancestor[] {
  return Array.from({ length: timelineId - 1 }, (_, at) => ({ timelineId: at + 1, endLsn: "0/3000000" }));
}

type Remembered = NonNullable<NodeFacts["remembered"]>;

export function remembered(node: string, change: Partial<Remembered> = {}): Remembered {
  return {
    cluster: "ledger",
    node,
    role: "primary",
    version: 150_000,
    systemIdentifier: "1",
    timelineId: 1,
    dataDirectory: "/data",
    configFile: "/data/postgresql.conf",
    synchronousStandbyNames: "pg2",
    synchronousCommit: "on",
    ...(change.timelineId === undefined ? {} : { ancestors: ancestorsOf(change.timelineId) }),
    standbys: [
      { node: "pg2", syncState: "sync" },
      { node: "pg3", syncState: "async" },
    ],
    ...change,
  };
}

const down = { state: "down", pids: [], standbySignal: false } as const;

export function alive(node: string, role: "primary" | "standby", change: Partial<NodeObservation> = {}): NodeFacts {
  const instance = { state: "running" as const, pids: [1], standbySignal: role === "standby" };
  const following = role === "standby" ? { following: { kind: "follows" } as const } : {};
  const seen = observation(role, change);
  const walEnd = { timelineId: seen.timelineId, lsn: seen.lsn, ancestors: ancestorsOf(seen.timelineId) };
  return { ...common(node), reach: "answers", observation: seen, walEnd, commitSettings: [], instance, ...following };
}

export function dead(node: string, change: Partial<NodeFacts> = {}): NodeFacts {
  return { ...common(node), reach: "closed", problem: "connect ECONNREFUSED", instance: down, ...change };
}

function common(node: string): Pick<NodeFacts, "node" | "address" | "applicationName"> {
  return { node, address: `127.0.0.1:${node.slice(2)}`, applicationName: node };
}

export function facts(...nodes: readonly NodeFacts[]): ClusterFacts {
  return { cluster: "ledger", nodes, clientsAddress: "127.0.0.1:1" };
}

/** The primary is dead, both standbys answer. */
export function primaryDead(change: Partial<NodeFacts> = {}): ClusterFacts {
  return facts(
    dead("pg1", { remembered: remembered("pg1"), ...change }),
    alive("pg2", "standby", { receiver: null }),
    alive("pg3", "standby", { receiver: null, lsn: "0/3000100" }),
  );
}
