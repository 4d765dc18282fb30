import { BlackstartError } from "../../base/error.ts";
import type { Conninfo } from "./conninfo.ts";
import type { WalEnd } from "./history.ts";
import type { Identity } from "./instance/identity.ts";
import type { ConfiguredSynchronous } from "./instance/synchronous-files.ts";
import type { Lsn } from "./lsn.ts";

/**
 * One PostgreSQL data directory on one host, as the operating system sees it: works when the server does not answer.
 * Everything goes through `Host.run`, so it is the same here and over ssh. Each call has a time limit and throws
 * HOST_COMMAND_FAILED or UNREACHABLE.
 */
export interface Instance {
  readonly node: string;
  readonly dataDirectory: string;

  /** What runs in this data directory, whatever namespace or path it runs by. See `InstanceState`. */
  inspect(): Promise<InstanceState>;

  /** The same, with what its files say: of a server that does not answer, as much as can be told in one look. */
  remains(): Promise<Remains>;

  /** By what the directory, and the server that started in it last, are known. */
  identity(): Promise<Identity>;

  /**
   * SIGKILL to every process of the server, also those that outlived their postmaster; frees its shared memory and takes
   * its lock file away. Throws where it cannot be told that nothing of it is left.
   */
  kill(): Promise<void>;

  /**
   * Ends it in order. `fast` rolls back what is open; `immediate` does not write a checkpoint. Fails at once where another
   * postmaster runs there instead: see `isStartedAgain`.
   */
  stop(mode: "fast" | "immediate", timeoutMs: number): Promise<void>;

  /**
   * Starts it with the command line of its last start, and returns when it accepts connections (as a standby: read-only ones, with hot_standby = off none), or throws
   * with its last log lines.
   */
  start(timeoutMs: number, signal?: AbortSignal): Promise<void>;

  /**
   * Puts `standby.signal` there, so that a start by anybody starts a standby, and sets what would end its recovery
   * (recovery_target…, promote_trigger_file) to nothing, so that it stays one. Throws NOT_POSSIBLE_NOW before anything is
   * changed where that cannot be had. Safe to call again. The file says that Blackstart made it, and when.
   */
  markStandby(): Promise<void>;

  /**
   * Takes `standby.signal` away from a server that has not run as a standby since it was put there: it is a primary
   * again. Throws NOT_POSSIBLE_NOW for any other. That no other node takes writes is for the caller to see to.
   */
  unmarkStandby(): Promise<void>;

  /** What the next start of it would be, by its files. Works on a server that runs as well. */
  nextStart(): Promise<NextStart>;

  /** Sets settings in postgresql.auto.conf of a server that is down (of one that is up: use ALTER SYSTEM). */
  writeSettings(settings: Readonly<Record<string, string>>): Promise<void>;

  /**
   * Writes a password file (libpq's `passfile`) beside the data directory, for every server that this one logs in to, and
   * answers where it is. Only the server's own account can read it.
   */
  keepPassword(password: string): Promise<string>;

  /**
   * Logs in to another server from this machine, as the server's own account, through libpq, and answers what the query
   * does. Throws NOT_POSSIBLE_NOW where there is no psql, HOST_COMMAND_FAILED with libpq's words where it is not let in.
   */
  tryLogin(conninfo: Conninfo, query: string): Promise<string>;

  /** The value that the next start would use, whichever of its files says it. Empty where it is not set. */
  setting(name: string): Promise<string>;

  /** The last different errors in its log since its start, and where that lies; no lines where it cannot be read or names none. */
  lastErrors(): Promise<{ file: string; lines: readonly string[] }>;

  /** What `pg_control` says. Works on a server that is down. */
  control(): Promise<ControlData>;

  /**
   * Its line of history by its files: the timeline of pg_control and where that comes from. Its WAL
   * goes at least so far; as a rule there is more. Works on a server that is down.
   */
  diskEnd(): Promise<DiskEnd>;

  /**
   * Keeps the write-ahead log (and, as `everything` says, the whole data directory) beside the data directory and
   * answers where. Keeping twice under the same label changes nothing,
   * and what an earlier copy holds to its last byte is not kept again: it answers where that is.
   */
  keep(label: string, what: "wal" | "everything", limit?: WorkLimit): Promise<{ directory: string; bytes: number }>;

  /** Throws NOT_POSSIBLE_NOW where there is no room for `keep`. Works on a server that runs. */
  assertRoomToKeep(what: "wal" | "everything"): Promise<void>;

  /** The same for a `clone` of so many bytes. */
  assertRoomToClone(bytes: number): Promise<void>;

  /**
   * Shared memory on the host that killed servers of this directory, or of its predecessors that were moved aside, have
   * left, and that nobody uses. Files in /dev/shm do not say whose they are: those of the same account are among them.
   */
  leftMemory(): Promise<readonly LeftMemory[]>;

  /** Removes those of them that are still used by nobody, and answers which. */
  removeLeftMemory(which: readonly LeftMemory[]): Promise<readonly LeftMemory[]>;

  /** What a rewind of this server would lack in any state of it: pg_rewind itself, or checksums or wal_log_hints. */
  lacksForRewind(): Promise<string | undefined>;

  /**
   * True where it lacks nothing for that, and can be rewound as it stands now (a standby only after it was stopped in
   * order, because to recover it alone would write into the primary's timeline).
   */
  canRewind(): Promise<boolean>;

  /**
   * Rewinds this stopped server to a place from which it can follow `sourceUrl`, with the password by which Blackstart
   * itself connects there, else with the password file of the node.
   * @param address where this machine reaches the source, if not by the url
   */
  rewind(sourceUrl: string, limit: WorkLimit, address?: Readonly<{ host: string; port: number }>): Promise<void>;

  /**
   * Makes the data directory anew from a running server (the old one is moved aside, never deleted). With
   * pg_basebackup where the host has it; else, if both are on the same host, by a copy between pg_backup_start and
   * pg_backup_stop.
   */
  clone(
    source: { url: string; replication: string; instance: Instance },
    limit: WorkLimit,
  ): Promise<{ movedAside?: string }>;
}

/**
 * @property configured for whom commits wait, by its files. What cannot be read is left out.
 * @property unrepeatable no `start:` is declared, and the command line of its last start can be read in more than one way
 */
export type Remains = Readonly<{
  state: InstanceState;
  identity: Identity;
  disk?: DiskEnd;
  configured?: ConfiguredSynchronous;
  unrepeatable?: true;
}>;

/** @property control stands for the contents of pg_control, which each start and each checkpoint change */
export type DiskEnd = WalEnd & Readonly<{ control: string; clusterState: string }>;

/** For what takes as long as the data is large. Aborted, its programs on the host are ended, and it throws the reason. */
export type WorkLimit = Readonly<{ timeoutMs: number; signal?: AbortSignal }>;

/**
 * `stopped-processes`: there, but halted by SIGSTOP. `orphans`: the postmaster is gone, others are left. `down` and
 * `no-data` say that nothing of it runs. What could not be told is `unknown`, which is neither up nor down: nothing may
 * be done to such a server, and nothing may be concluded from it.
 */
export type InstanceState =
  | Readonly<{
      state: "running" | "stopped-processes" | "orphans";
      pids: readonly number[];
      postmasterPid?: number;
      standbySignal: boolean;
      /** Somebody has asked it to become a primary, and its replay has not seen that yet (its `promote` file). */
      promoteSignal?: true;
    }>
  | Readonly<{ state: "down" | "no-data"; pids: readonly number[]; postmasterPid?: undefined; standbySignal: boolean }>
  | Readonly<{ state: "unknown"; why: string; pids?: undefined; postmasterPid?: undefined; standbySignal: boolean }>;

/** By the state in pg_control: it ran, last, as a standby. A crash recovery is a primary's. */
export function ranAsStandby(clusterState: string): boolean {
  return clusterState === "in archive recovery" || clusterState === "shut down in recovery";
}

/** Asked to become a primary, which a server does only as long as its postmaster lives: a start removes the request. */
export function isAskedToPromote(state: InstanceState): boolean {
  return state.state !== "orphans" && "promoteSignal" in state;
}

/** Marked as a standby, and not asked to become a primary. */
export function isMarkedStandby(state: InstanceState): boolean {
  return state.standbySignal && !isAskedToPromote(state);
}

export type KnownState = Exclude<InstanceState, { state: "unknown" }>;

/** Seen to be down. Of what is unknown this is false. */
export function isDown({ state }: InstanceState): boolean {
  return state === "down" || state === "no-data";
}

/** Another postmaster than the one that was stopped: a supervisor, say, has started it again, and it may serve clients. */
export function isStartedAgain(told: KnownState, now: KnownState): boolean {
  return now.postmasterPid !== undefined && now.postmasterPid !== told.postmasterPid;
}

/** What runs there. Throws NOT_POSSIBLE_NOW, with the reason, where that cannot be told. */
export async function knownState(instance: Pick<Instance, "node" | "dataDirectory" | "inspect">): Promise<KnownState> {
  return known(instance, await instance.inspect());
}

/** The state that was seen of it. Throws as `knownState` does. */
export function known(instance: Pick<Instance, "node" | "dataDirectory">, state: InstanceState): KnownState {
  if (state.state !== "unknown") return state;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `It cannot be told whether ${instance.node} runs.`,
    why: state.why,
    next: `Let \`host\` be the machine where the server runs, with the rights of root or of its account. If you are certain that nothing runs in ${instance.dataDirectory}, remove its postmaster.pid.`,
    details: { node: instance.node },
  });
}

export type NextStart = Readonly<{
  as: "primary" | "standby";
  /** Of a mark that Blackstart has made, and that is there still. */
  markedAt?: string;
  /** Settings, left by a restore as a rule, by which a standby here would not stay one. They do nothing to a primary. */
  leftovers: readonly RecoveryEnd[];
  /** Why more leftovers may be there: a configuration file that neither we nor the server's own program can read. */
  unread?: BlackstartError;
}>;

export const commandLine = "its command line";

export type RecoveryEnd = Readonly<{
  setting: string;
  value: string;
  /** The file; or `commandLine`, which `markStandby` cannot overrule. */
  where: string;
  /** What the server would do when its recovery gets there. */
  effect: "promote" | "stop replaying" | "shut down";
}>;

/** `segment`: of System V, by its id. `file`: in /dev/shm, by its path. */
export type LeftMemory = Readonly<{ kind: "segment" | "file"; name: string; bytes: number }>;

export type ControlData = Readonly<{
  systemIdentifier: string;
  timelineId: number;
  clusterState: string;
  checkpointLsn: Lsn;
  redoLsn: Lsn;
  version: number;
}>;
