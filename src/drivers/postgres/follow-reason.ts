/**
 * Why a standby does not follow, from what its server has said in its log. Only messages that are known are classified:
 * a server may speak any language (`lc_messages`), and what is not known is quoted as it is.
 * Texts: PostgreSQL 13 to 18, src/backend/replication/walreceiver.c, walsender.c, access/transam/xlogrecovery.c, timeline.c,
 * libpq/auth.c, and libpq's own.
 */
export type FollowReason = Readonly<{
  kind:
    | "diverged"
    | "wal-gone"
    /** Its WAL or its control file cannot be used. */
    | "damaged"
    | "half-rewound"
    | "disk-full"
    /** pg_hba.conf, on the server that it would stream from. */
    | "not-let-in"
    /** The role that it replicates as is missing there, or may not replicate. */
    | "role"
    | "password"
    | "tls"
    | "address"
    | "slot"
    /** That server is starting, or has no connection to spare: it passes, or is for a person. */
    | "busy"
    | "other-system"
    /** Its settings keep it from replaying: max_connections and the like are lower than the primary's. */
    | "settings"
    /** Its recovery_target_timeline keeps it on a timeline that the primary has left. */
    | "one-timeline"
    | "conninfo";
  /** The line that says so. */
  said: string;
}>;

/** The newest line that is known tells: what was true before a reload may be so no longer. */
export function followReasonIn(lines: readonly string[]): FollowReason | undefined {
  for (const said of lines.toReversed()) {
    const known = messages.find(([, pattern]) => pattern.test(said));
    if (known !== undefined) return { kind: known[0], said };
  }
  return undefined;
}

const messages: readonly (readonly [FollowReason["kind"], RegExp])[] = [
  ["diverged", /new timeline \d+ forked off current database system timeline \d+ before current recovery point/],
  ["diverged", /requested timeline \d+ (?:is not a child of this server's history|does not contain minimum recovery)/],
  ["diverged", /requested starting point \S+ on timeline \d+ is not in this server's history/],
  ["diverged", /requested starting point \S+ is ahead of the WAL flush position/],
  ["diverged", /highest timeline \d+ of the primary is behind recovery timeline \d+/],
  ["wal-gone", /requested WAL segment \S+ has already been removed/],
  [
    "wal-gone",
    /cannot read from (?:physical )?replication slot|can no longer (?:get changes from|access) replication slot/,
  ],
  ["half-rewound", /blackstart_is_rewinding_this_server|invalid data in file "backup_label"/],
  ["damaged", /could not locate a valid checkpoint record|could not find redo location|invalid checkpoint record/],
  ["damaged", /WAL contains references to invalid pages|incorrect checksum in control file/],
  ["disk-full", /No space left on device|Disk quota exceeded/],
  ["other-system", /database system identifier differs/],
  ["slot", /replication slot "[^"]*" (?:does not exist|is active for PID)/],
  ["not-let-in", /no pg_hba\.conf entry for|pg_hba\.conf rejects/],
  ["password", /password authentication failed|no password supplied|authentication failed for user|SCRAM/],
  ["role", /role "[^"]*" does not exist|role "[^"]*" is not permitted to log in/],
  ["role", /must be superuser or replication role|permission denied to start WAL sender/],
  ["busy", /the database system is (?:starting up|shutting down|in recovery mode|not yet accepting)/],
  ["busy", /max_wal_senders|too many clients already|remaining connection slots|too many connections/],
  ["settings", /insufficient parameter settings|hot standby is not possible/],
  ["conninfo", /invalid connection option|invalid sslmode value|missing "=" after|could not parse connection string/],
  ["tls", /server does not support SSL|certificate|SSL error|TLS/],
  ["address", /Connection refused|timeout expired|Connection timed out|could not translate host name|No route to host/],
  ["address", /Network is unreachable|No such file or directory\s+Is the server running/],
];
