import type { Lsn } from "./lsn.ts";

/**
 * One PostgreSQL data directory on one host, as the operating system sees it: works when the server does not answer.
 * Everything goes through `Host.run`, so it is the same here and over ssh. Each call has a time limit and throws
 * HOST_COMMAND_FAILED or UNREACHABLE.
 */
export interface Instance {
  readonly node: string;
  readonly dataDirectory: string;

  /** What runs in this data directory. All processes of a server have it as their working directory. */
  inspect(): Promise<InstanceState>;

  /** SIGKILL to every process of the server, also those that outlived their postmaster; frees its shared memory. */
  kill(): Promise<void>;

  /** Ends it in order. `fast` rolls back what is open; `immediate` does not write a checkpoint. */
  stop(mode: "fast" | "immediate", timeoutMs: number): Promise<void>;

  /** Starts it and returns when it accepts connections (as a standby: read-only ones) or throws with its last log lines. */
  start(timeoutMs: number, signal?: AbortSignal): Promise<void>;

  /**
   * Puts `standby.signal` there, so that whoever starts this server starts a standby, and no second primary can come of
   * it. Safe to call again.
   */
  markStandby(): Promise<void>;

  /** Sets settings in postgresql.auto.conf of a server that is down (of one that is up: use ALTER SYSTEM). */
  writeSettings(settings: Readonly<Record<string, string>>): Promise<void>;

  /** The value that the next start would use, whichever of its files says it. Empty where it is not set. */
  setting(name: string): Promise<string>;

  /** The last different errors in its log, and where that lies; no lines where it cannot be read or names none. */
  lastErrors(): Promise<{ file: string; lines: readonly string[] }>;

  /** What `pg_control` says. Works on a server that is down. */
  control(): Promise<ControlData>;

  /**
   * Keeps the write-ahead log (and, as `everything` says, the whole data directory) beside the data directory and
   * answers where. Keeping twice under the same label changes nothing.
   */
  keep(label: string, what: "wal" | "everything", limit?: WorkLimit): Promise<{ directory: string; bytes: number }>;

  /** True where the host has pg_rewind for this version, and the data directory allows it (checksums or wal_log_hints). */
  canRewind(): Promise<boolean>;

  /**
   * Rewinds this stopped server to a place from which it can follow `sourceUrl`, with the password by which Blackstart
   * itself connects there, else with the password file of the node.
   */
  rewind(sourceUrl: string, limit: WorkLimit): Promise<void>;

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

/** For what takes as long as the data is large. Aborted, its programs on the host are ended, and it throws the reason. */
export type WorkLimit = Readonly<{ timeoutMs: number; signal?: AbortSignal }>;

export type InstanceState = Readonly<{
  /** `stopped-processes`: there, but halted by SIGSTOP. `orphans`: the postmaster is gone, others are left. */
  state: "running" | "stopped-processes" | "orphans" | "down" | "no-data";
  pids: readonly number[];
  postmasterPid?: number;
  standbySignal: boolean;
}>;

export type ControlData = Readonly<{
  systemIdentifier: string;
  timelineId: number;
  clusterState: string;
  checkpointLsn: Lsn;
  redoLsn: Lsn;
  version: number;
}>;
