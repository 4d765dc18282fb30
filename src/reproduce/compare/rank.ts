import type { CibSubject } from "./cib/items.ts";
import { classOfSetting } from "./setting-class.ts";
import type { Subject } from "./subject.ts";

/**
 * How likely a difference matters to an outage, from 1 downwards, each with its reason. The order is that of what
 * decides over a failure: who is promoted; what is lost; when it is noticed; then what makes all of that behave
 * differently; last what is only shown. `docs/compare.md` says the same.
 */
export const ranks = {
  manager: { rank: 1, why: "It decides who may be promoted, where resources may run, and when the manager gives up." },
  durability: { rank: 2, why: "It decides whether an acknowledged commit survives, and what can be read again." },
  failover: { rank: 3, why: "It decides when a failure is noticed, and who can follow or take over." },
  major: { rank: 4, why: "Another major version behaves differently with the same settings." },
  version: { rank: 5, why: "Another minor version, build or library has other faults, or another sort order." },
  topology: { rank: 6, why: "Who streams from whom decides what a failure of one takes along." },
  access: { rank: 7, why: "It decides who is let in: a standby that reconnects, a tool that fails over." },
  machine: {
    rank: 8,
    why: "The kernel, the file system and the limits decide how a fault of them looks to the server.",
  },
  behaviour: { rank: 9, why: "It changes how the server works, seldom how it fails." },
  size: { rank: 10, why: "It changes when something is full or slow, seldom what happens then." },
  cosmetic: { rank: 11, why: "It changes what is written or shown, not what is done." },
} as const satisfies Record<string, { rank: number; why: string }>;

export type RankName = keyof typeof ranks;

/** `within`: which of the same rank comes first. */
export type Ranked = Readonly<{ rank: number; within: number; why: string }>;

/** @param left, right null where it is not there. Pure. */
export function rankOf(subject: Subject, left: string | null, right: string | null): Ranked {
  const by = (name: RankName, within = 5, why: string = ranks[name].why): Ranked => ({
    rank: ranks[name].rank,
    within,
    why,
  });
  switch (subject.kind) {
    case "cib":
      return rankOfCib(subject.cib, left, right);
    case "manager":
      return by("manager", 0, "What manages failover decides all of it.");
    case "patroni":
      return by(patroniRank(subject.path));
    case "corosync":
      return by(subject.path[0] === "logging" ? "cosmetic" : "failover", 2);
    case "setting":
      return rankOfSetting(subject.name);
    case "role-setting": {
      const { rank, within, why } = rankOfSetting(subject.name);
      return { rank, within: within + 1, why: `${why} ALTER ROLE or ALTER DATABASE sets it for some of the sessions.` };
    }
    case "fixed":
      return by(subject.name === "data_checksums" ? "durability" : "behaviour", 4);
    case "version":
      return isMajor(left, right) ? by("major") : by("version", 0);
    case "databases":
    case "extension":
      return by("version", 3);
    case "build":
      return by("version", 8);
    case "topology":
      return by("topology", subject.name === "roles" ? 0 : 5);
    case "access":
      return by("access");
    case "mount":
      return by("machine", 0);
    case "limit":
      return by("machine", 7);
    case "machine":
      return by(machineRank(subject.name));
  }
}

function rankOfSetting(name: string): Ranked {
  const found = classOfSetting(name);
  const rank = found === "address" ? "cosmetic" : found;
  const why = known[name];
  return { rank: ranks[rank].rank, within: why === undefined ? 5 : 0, why: why ?? ranks[rank].why };
}

/** What is worth more words than its rank; from PostgreSQL's documentation, chapters 20 and 27. */
const known: Readonly<Record<string, string>> = {
  fsync: "Off, a power loss can destroy everything, whatever was acknowledged.",
  full_page_writes: "Off, a crash can leave torn pages.",
  synchronous_commit: "It says what an acknowledgement promises: received, on disk, or replayed, here or on a standby.",
  synchronous_standby_names: "It says on how many standbys, and on which, an acknowledged commit is.",
  wal_level: "Below `replica` no standby can follow, and none can be promoted.",
  data_sync_retry: "It decides whether a failed fsync ends the server or is tried again with the data gone.",
  restart_after_crash:
    "It decides whether the server restarts itself after a crash of one process, or stays down for the manager to act.",
  max_connections: "A standby with less than its primary stops replaying, or does not start.",
  max_prepared_transactions: "A standby with less than its primary stops replaying, or does not start.",
  max_locks_per_transaction: "A standby with less than its primary stops replaying, or does not start.",
  max_worker_processes: "A standby with less than its primary stops replaying, or does not start.",
  max_wal_senders: "A standby with less than its primary does not start; and so many can stream at once.",
  hot_standby_feedback: "On, a standby's queries hold back vacuum on the primary; off, replay cancels them.",
  max_slot_wal_keep_size: "It decides whether a standby that is away keeps the log, and fills the disk, or is lost.",
  wal_sender_timeout: "After so long a standby that does not answer is dropped.",
  wal_receiver_timeout: "After so long a primary that does not answer is given up.",
  recovery_min_apply_delay: "The standby is behind on purpose: a failover to it waits.",
  recovery_target_timeline: "Without `latest` a standby does not follow a promoted one.",
};

/** Properties and attributes that decide over a failover by themselves. */
const decisive =
  /stonith|quorum|stickiness|migration-threshold|failure-timeout|maintenance|promot|master|on-fail|fail|is-managed|target-role|standby|concurrent-fencing|start-failure/;

function rankOfCib(subject: CibSubject, left: string | null, right: string | null): Ranked {
  const by = (within: number, why: string = ranks.manager.why): Ranked => ({ rank: ranks.manager.rank, within, why });
  switch (subject.kind) {
    case "constraint": {
      const hard = [left, right].filter((one) => one !== null).map((one) => /INFINITY|Mandatory/.test(one));
      if (left === null || right === null)
        return by(
          hard[0] ? 1 : 2,
          `A rule that only one of the clusters has. ${hard[0] ? "It is absolute." : "It is a preference."}`,
        );
      if (hard.some((one) => one !== hard[0]))
        return by(
          0,
          "INFINITY is absolute: rather than break it, nothing runs. A number is a preference that others outweigh.",
        );
      return by(2, "Scores are added up with those of the agent and the stickiness: a point can decide.");
    }
    case "resource":
      return by(2, "What runs, and within what, decides what moves together.");
    case "fencing-level":
      return by(2, "Without fencing, or with another, a node that is cut off is waited for, or taken for dead.");
    case "property":
      if (/^(dc-version|cluster-infrastructure)/.test(subject.name))
        return { rank: ranks.version.rank, within: 0, why: ranks.version.why };
      return by(decisive.test(subject.name) ? 3 : 6);
    case "resource-default":
    case "operation-default":
    case "meta":
    case "node-attribute":
      return by(decisive.test(subject.name) ? 3 : 6);
    case "operation":
      return by(4, "It decides how soon a failure is seen, and when an operation counts as failed.");
    case "parameter":
      return by(5, "It is what the resource agent is told; it may change how it promotes.");
  }
}

/** 9.4 and 9.6 are two major versions; from 10 on the first number says it. */
function isMajor(left: string | null, right: string | null): boolean {
  const major = (text: string | null) => {
    const [first = "", second = ""] = /\d+(\.\d+)*/.exec(text ?? "")?.[0].split(".") ?? [];
    return Number(first) >= 10 ? first : `${first}.${second}`;
  };
  return major(left) !== major(right);
}

function patroniRank(path: readonly string[]): RankName {
  const name = path.at(-1) ?? "";
  if (path.includes("parameters")) {
    const found = classOfSetting(name);
    return found === "address" ? "cosmetic" : found;
  }
  if (path[0] === "log") return "cosmetic";
  if (path.includes("authentication") || path.includes("ctl")) return "access";
  return "manager";
}

function machineRank(name: string): RankName {
  if (/^(memory|swap|cpus|memory limit|cpu limit)/.test(name)) return "size";
  if (/^(glibc|library |postgresql package)/.test(name)) return "version";
  return name === "time zone" ? "cosmetic" : "machine";
}
