/**
 * The settings of a lab's servers: small, quick to start and to reconnect. Pure. Only those that the version knows.
 */
export function serverSettings(options: {
  major: number;
  name: string;
  port: number;
  durable: boolean;
  synchronousStandbyNames: string;
  primaryConninfo: string | undefined;
  extra: Readonly<Record<string, string>>;
}): Readonly<Record<string, string>> {
  return {
    listen_addresses: "127.0.0.1",
    port: String(options.port),
    unix_socket_directories: "",
    cluster_name: options.name,
    max_connections: "60",
    superuser_reserved_connections: "5",
    shared_buffers: "16MB",
    max_worker_processes: "4",
    max_wal_senders: "10",
    max_replication_slots: "10",
    wal_level: "replica",
    hot_standby: "on",
    wal_log_hints: "on",
    wal_keep_size: "64MB",
    max_wal_size: "128MB",
    min_wal_size: "2MB",
    // Without these each new segment costs a write of its whole length.
    wal_recycle: "off",
    wal_init_zero: "off",
    // The default of 5 s would be the time a standby waits before it tries again. Each try is a fork: with 10 ms two
    // standbys of a dead primary keep both processors busy.
    wal_retrieve_retry_interval: "100ms",
    wal_receiver_status_interval: "1s",
    // A cut network is noticed by both ends after this long.
    wal_sender_timeout: "2s",
    wal_receiver_timeout: "2s",
    huge_pages: "off",
    dynamic_shared_memory_type: "mmap",
    ...(options.major >= 18 ? { io_method: "sync" } : {}),
    fsync: options.durable ? "on" : "off",
    // Readiness is read from the log: it must speak English, to stderr.
    lc_messages: "C",
    log_destination: "stderr",
    logging_collector: "off",
    log_line_prefix: "%m [%p] ",
    log_timezone: "UTC",
    timezone: "UTC",
    ...(options.synchronousStandbyNames === "" ? {} : { synchronous_standby_names: options.synchronousStandbyNames }),
    ...(options.primaryConninfo === undefined ? {} : { primary_conninfo: options.primaryConninfo }),
    ...options.extra,
  };
}

/** As postgresql.conf wants it: a value in single quotes, quotes and backslashes doubled. */
export function configurationText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'\n`)
    .join("");
}

/** Loopback only, without a password: a lab holds nothing worth one. */
export const accessRules = [
  "# TYPE  DATABASE     USER  ADDRESS       METHOD",
  "host    all          all   127.0.0.1/32  trust",
  "host    replication  all   127.0.0.1/32  trust",
  "",
].join("\n");

/** How another node replicates from the one at this port. */
export function replicationConninfo(port: number): string {
  return `host=127.0.0.1 port=${port} user=replicator`;
}
