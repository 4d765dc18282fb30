import type { Severity } from "./finding.ts";

/**
 * The findings that no health check makes, for the reference page. `remedy`: the plan that the finding asks for
 * (`blackstart mitigate …`); `act`: what a person does, where no plan does it, or before one can.
 */
export type FindingKind = Readonly<{
  severities: readonly Severity[];
  when: string;
  remedy?: string;
  act?: string;
}>;

type Group = Readonly<{ title: string; about: string; kinds: Readonly<Record<string, FindingKind>> }>;

const [critical, warning, info] = [["critical"], ["warning"], ["info"]] as const;
const either = ["warning", "critical"] as const;

export const findingGroups: readonly Group[] = [
  {
    title: "cluster, roles",
    about: "Whether exactly one node takes writes.",
    kinds: {
      "cluster.no-primary": {
        severities: critical,
        when: "No node takes writes: the primary is gone, or every node is a standby.",
        remedy: "failover",
        act: "Where no standby answers, the remedy is `restart`.",
      },
      "cluster.primary-unknown": {
        severities: warning,
        when: "The server last seen as primary, or one that may be, rejects our login. It may still be serving clients.",
        act: "Correct the node's `url`, or its password or pg_hba.conf.",
      },
      "cluster.down": { severities: critical, when: "None of the nodes works.", remedy: "restart" },
      "cluster.unreachable": {
        severities: critical,
        when: "No node can be reached: their network is cut, or that of Blackstart.",
        act: "Look at the network from another machine before anything else.",
      },
      "cluster.foreign-node": {
        severities: critical,
        when: "A node has another system identifier than the others: it holds other data.",
        act: "Correct its `url`; or, if it is to belong here, move its data directory away and `blackstart mitigate rejoin`.",
      },
      "roles.two-primaries": {
        severities: critical,
        when: "More than one node takes writes.",
        remedy: "demote",
        act: "Where it cannot be seen which one is stale, `blackstart mitigate demote` lists them, and a person chooses.",
      },
    },
  },
  {
    title: "node",
    about: "How a single node answers. Critical where it is the primary, or the only thing that clients reach.",
    kinds: {
      "node.down": {
        severities: either,
        when: "Nothing listens at its address, or what listens ends every connection.",
        remedy: "restart",
        act: "Of a former primary, where another node took over, the remedy is `rejoin`. While there is no primary, `cluster.no-primary` has it.",
      },
      "node.starting": {
        severities: either,
        when: "It says that it starts, recovers, or shuts down.",
        act: "Wait; after a crash it replays its WAL first. Its log says how far it is.",
      },
      "node.hanging": {
        severities: either,
        when: "Its machine takes connections, and the server does not answer them.",
        remedy: "restart",
        act: "As for `node.down`.",
      },
      "node.unreachable": {
        severities: either,
        when: "No connection comes about. A warning only while a standby still hears from it.",
        act: "Look at the network and the machine. Unreachable is not dead: nothing is promoted for this alone.",
      },
      "node.access-refused": {
        severities: warning,
        when: "It answers, and refuses our login.",
        act: "Correct its `url`, or its password or pg_hba.conf.",
      },
      "node.accepts-no-connections": {
        severities: either,
        when: "It answers on connections that it has, and lets no new one through.",
        remedy: "restart",
      },
      "node.slow": {
        severities: warning,
        when: "The median of its last answers is far above what is usual for it.",
        act: "Look at the load, the disks and the network of its machine.",
      },
      "connections.exhausted": {
        severities: critical,
        when: "It takes no more connections: all are in use. (A health check finds the same from within.)",
        act: "End idle sessions (pg_terminate_backend), and give the clients a pool.",
      },
    },
  },
  {
    title: "replication",
    about: "Whether the standbys follow the primary, and whether an acknowledged write is on as many as it should be.",
    kinds: {
      "replication.not-streaming": {
        severities: warning,
        when: "A standby is up and receives nothing: it is not connected, or nothing comes.",
        remedy: "rejoin",
      },
      "replication.other-timeline": {
        severities: warning,
        when: "A standby is on another timeline than the primary, and does not follow it.",
        remedy: "rejoin",
      },
      "replication.diverged": {
        severities: warning,
        when: "A standby holds WAL that the primary never wrote, and can never follow as it is.",
        remedy: "rejoin",
        act: "What it alone holds is kept beside its data directory.",
      },
      "replication.follows-nobody": {
        severities: warning,
        when: "A standby has neither primary_conninfo nor restore_command: its data grows old.",
        remedy: "rejoin",
      },
      "replication.replay-paused": {
        severities: warning,
        when: "Replay is paused for longer than `replication.pausedSeconds`.",
        act: "On the standby: select pg_wal_replay_resume().",
      },
      "replication.replay-stuck": {
        severities: warning,
        when: "A standby receives, and has replayed nothing for longer than `replication.stuckSeconds`.",
        act: "End the query on it that holds replay up (pg_stat_activity), or see in its log which record it cannot read.",
      },
      "replication.lag": {
        severities: warning,
        when: "A standby is behind by more than `replication.lagBytes`, or by more than `replication.lagSeconds` and its own recovery_min_apply_delay.",
        act: "Look at its disks, the network to it, and long queries on it.",
      },
      "replication.synchronous-missing": {
        severities: critical,
        when: "Fewer synchronous standbys are there, or confirm, than commits wait for: commits hang, or the next one would.",
        remedy: "degrade-synchronous",
      },
      "replication.synchronous-off": {
        severities: warning,
        when: "Commits wait for fewer standbys than `synchronous:` in the system file says.",
        remedy: "restore-synchronous",
        act: "Where synchronous_commit itself is off or local, set it back.",
      },
      "replication.synchronous-lowered": {
        severities: warning,
        when: "A plan has lowered for how many standbys commits wait, and nothing has raised it again.",
        remedy: "restore-synchronous",
      },
      "replication.foreign-standby": {
        severities: warning,
        when: "A server outside of the system file streams under a node's name; commits may wait for it in the node's place.",
        act: "Find out what it is (pg_stat_replication on the primary), and give it another application_name.",
      },
    },
  },
  {
    title: "clients",
    about: "Where `clients: { file: … }` leads them.",
    kinds: {
      "clients.no-address": {
        severities: critical,
        when: "The address file cannot be read, or names no address.",
        remedy: "move-clients",
      },
      "clients.misdirected": {
        severities: critical,
        when: "The clients are pointed to another server than the primary.",
        remedy: "move-clients",
        act: "Where they go through a proxy, point that to the primary.",
      },
      "clients.unreachable": {
        severities: warning,
        when: "The clients are pointed to an address that none of the nodes has, and where Blackstart is not let in.",
        act: "See whether they reach the primary there; `clients: { url: … }` says as whom Blackstart may ask.",
      },
    },
  },
  {
    title: "service, cache",
    about: "What the system file declares besides the databases.",
    kinds: {
      "service.down": {
        severities: critical,
        when: "Its probe fails.",
        remedy: "restart",
        act: "Only where `restart:` is declared, and nothing that it needs is in trouble.",
      },
      "cache.down": { severities: critical, when: "Redis does not answer.", act: "Start it." },
      "cache.access-refused": {
        severities: warning,
        when: "Redis answers, and refuses our login.",
        act: "Correct `redis:` in the system file.",
      },
    },
  },
  {
    title: "watch",
    about: "What Blackstart itself cannot see.",
    kinds: {
      "watch.rights-missing": {
        severities: warning,
        when: "Our role lacks pg_monitor: replication and health cannot be seen.",
        act: "grant pg_monitor to that role.",
      },
      "watch.heartbeat-refused": {
        severities: warning,
        when: "A node answers the heartbeat with an error, several times in a row.",
        act: "The finding quotes the error.",
      },
      "watch.check-failed": {
        severities: warning,
        when: "A health check could not be run: what it looks for is unknown, not well.",
        act: "The finding quotes the reason: a missing right, as a rule, or a time limit under load.",
      },
    },
  },
  {
    title: "ready",
    about: "What `blackstart check --ready` finds: what a plan would fail on tonight.",
    kinds: {
      "ready.failover": {
        severities: ["info", "warning", "critical"],
        when: "A failover would be refused. For information, where it would only need a person to accept a loss.",
        act: "The finding says what to provide.",
      },
      "ready.switchover": {
        severities: ["info", "warning"],
        when: "A switchover would be refused.",
        act: "The finding says what to provide.",
      },
      "ready.rejoin": {
        severities: ["info", "warning"],
        when: "A rejoin of that standby would be refused.",
        act: "The finding says what to provide.",
      },
      "ready.not-rehearsed": {
        severities: ["info", "critical"],
        when: "A manager fails the cluster over itself; or, critical, there is not one primary now.",
        act: "Put right what `blackstart check` finds, then ask again.",
      },
      "ready.host": {
        severities: either,
        when: "`host:` or `data:` is missing, leads elsewhere, or cannot tell whether the server runs.",
        act: "Declare or correct `host:` and `data:` of the node.",
      },
      "ready.starts-as": {
        severities: either,
        when: "Started as a standby, the server would not stay one: a restore has left recovery targets.",
        act: "Take the settings that it names out of the files of that server.",
      },
      "ready.programs": {
        severities: warning,
        when: "There is no pg_basebackup: the node can be copied only from a server on its own machine.",
        act: "Install PostgreSQL's client programs, or declare `binaries:`.",
      },
      "ready.rewind": {
        severities: info,
        when: "The node cannot be rewound, only copied whole.",
        act: "Set wal_log_hints = on (or use data checksums), and install pg_rewind.",
      },
      "ready.room": {
        severities: warning,
        when: "Too little free space next to the data directory for a kept copy or a new base backup, or the free space is unknown.",
        act: "Make room; `blackstart mitigate clean-up` lists what earlier plans have left.",
      },
      "ready.replication-login": {
        severities: warning,
        when: "A node would not be let in to replicate from another, should that become the primary.",
        act: "A line for `replication` in pg_hba.conf of that one, its role and password; or `replication:` in the system file.",
      },
      "ready.rewind-login": {
        severities: warning,
        when: "pg_rewind would not be let in, or lacks rights: the node would be copied whole.",
        act: "Grant what the finding names, or give the node a superuser's `url`.",
      },
      "ready.not-tried": {
        severities: info,
        when: "A login could not be tried from the node's machine: there is no psql.",
        act: "Install PostgreSQL's client programs there.",
      },
      "ready.clients-file": {
        severities: critical,
        when: "The clients' address file cannot be written from here: a failover would stop after the promotion.",
        act: "Give Blackstart the right to write it.",
      },
    },
  },
];
