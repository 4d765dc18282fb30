import { BlackstartError } from "../../../src/base/error.ts";
import type { NodeFacts } from "../../../src/drivers/postgres/node-facts.ts";
import { serverOf } from "../../../src/system/address.ts";

/** What the server at each `host:port` answers. The others do not listen. */
export type Answers = Readonly<Record<string, NodeFacts>>;

export function asks(answers: Answers): (url: string) => Promise<NodeFacts> {
  return async (url) => {
    const answer = answers[serverOf(url) ?? ""];
    if (answer !== undefined) return answer;
    throw new BlackstartError("UNREACHABLE", {
      what: "Cannot reach it.",
      why: "Nothing listens there: the server is not running.",
      next: "Start it.",
    });
  };
}

type Some = {
  system?: string;
  standbys?: NodeFacts["standbys"];
  slots?: NodeFacts["slots"];
  synchronous?: string;
  synchronousCommit?: string;
  visible?: Record<string, string>;
  patroni?: boolean;
};

let instances = 0;

/** As PostgreSQL 15 answered in a lab; what a case is about is given. */
export function primary(some: Some): NodeFacts {
  return {
    role: "primary",
    version: 150018,
    systemIdentifier: some.system ?? "7710296356863913925",
    timelineId: 1,
    lsn: "0/3000148",
    receivedLsn: null,
    replayedLsn: null,
    replayPaused: false,
    applyDelayMs: 0,
    wantsStreaming: null,
    restores: null,
    startedAt: "2026-11-20T03:00:00.000Z",
    settings: {
      synchronousStandbyNames: some.synchronous ?? "",
      synchronousCommit: some.synchronousCommit ?? "on",
      primaryConninfo: "",
      clusterName: "",
      dataDirectory: "/var/lib/postgresql/15/main",
      configFile: "/etc/postgresql/15/main/postgresql.conf",
    },
    standbys: some.standbys ?? [],
    receiver: null,
    instance: `2026-11-20 03:00:00.${String(++instances).padStart(6, "0")}+00`,
    user: "u",
    visible: {
      archive_mode: "off",
      archive_command: "",
      cluster_name: "",
      data_checksums: "on",
      port: "5432",
      server_version: "15.18",
      wal_log_hints: "off",
      ...some.visible,
    },
    slots: some.slots ?? [],
    patroni: some.patroni ?? false,
  };
}

export function standby(some: Some & { name?: string; from?: string; conninfo?: string }): NodeFacts {
  const [host = "", port = "5432"] = some.from?.split(":") ?? [];
  const named = some.name === undefined ? "" : ` application_name=${some.name}`;
  const base = primary(some);
  return {
    ...base,
    role: "standby",
    replayedLsn: "0/3000148",
    settings: { ...base.settings, primaryConninfo: some.conninfo ?? `host=${host} port=${port}${named}` },
    receiver:
      some.from === undefined
        ? null
        : {
            pid: 4711,
            startedAt: null,
            status: "streaming",
            timelineId: 1,
            heard: true,
            senderHost: host,
            senderPort: Number(port),
            slotName: null,
            lastMessageAgeMs: null,
            name: null,
          },
  };
}

export function streams(applicationName: string, clientAddress: string | null, state = "streaming") {
  return {
    applicationName,
    clientAddress,
    slotName: null,
    state,
    syncState: "async",
    sentLsn: "0/3000148",
    flushLsn: "0/3000148",
    replayLsn: "0/3000148",
  };
}
