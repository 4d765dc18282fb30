import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { conninfoOf } from "./conninfo.ts";
import { nodesOf, type Settings } from "./recipe.ts";
import { type Place, run, runAs, startServer } from "./server.ts";
import { passwords, until, type Zoo } from "./zoo.ts";

/** From nothing to a cluster that streams, as its owner would have done it by hand. */
export async function build(zoo: Zoo): Promise<void> {
  const { recipe } = zoo;
  const [primary = "", ...standbys] = zoo.nodes;
  await initialize(zoo, primary);
  if (recipe.disks) await moveWal(zoo, primary);
  await configure(zoo, primary);
  await recipe.prepare?.(zoo, primary);
  await startServer(zoo.place(primary));
  await runScript(zoo, primary, [
    `create role blackstart superuser login password '${passwords.blackstart}'`,
    `create role replicator replication login password '${passwords.replicator}'`,
    `create role app login password '${passwords.app}'`,
    "create table acknowledged (id bigint primary key, at timestamptz default clock_timestamp())",
    "alter table acknowledged owner to app",
    ...(recipe.disks
      ? [`create tablespace fast location '${spaceOf(zoo, primary)}'`, "alter table acknowledged set tablespace fast"]
      : []),
    ...(recipe.sql ?? []),
  ]);
  // Without pg_basebackup a stopped server's files are copied.
  const isWhole = existsSync(join(zoo.place(primary).binaries, "pg_basebackup"));
  for (const name of standbys) {
    if (recipe.layout === "debian") await createCluster(zoo.place(name));
    await (isWhole ? baseBackup(zoo, name) : copy(zoo, name, primary));
    await configure(zoo, name);
    if (nodesOf(recipe)[name]?.archiveOnly) forgetPrimary(zoo, name);
    await recipe.prepare?.(zoo, name);
    await startServer(zoo.place(name));
  }
  await until("all standbys stream", async () => {
    const sql = "select count(*)::int as n from pg_stat_replication where state = 'streaming'";
    const counts = await Promise.all(zoo.nodes.map((node) => zoo.query(node, sql)));
    return (
      counts.reduce((sum, [row]) => sum + Number(row?.n), 0) >=
      standbys.filter((name) => !nodesOf(recipe)[name]?.archiveOnly).length
    );
  });
  const names = recipe.synchronous ?? "FIRST 1 (pg2)";
  appendSettings(zoo, primary, { synchronous_standby_names: names });
  await runScript(zoo, primary, ["select pg_reload_conf()"]);
  await until("the promise is kept", async () => {
    const [row] = await zoo.query(primary, "select current_setting('synchronous_standby_names') as names");
    return row?.names === names;
  });
}

async function initialize(zoo: Zoo, name: string): Promise<void> {
  const place = zoo.place(name);
  if (zoo.recipe.layout === "debian") return createCluster(place);
  await cp(await template(place), place.data, { recursive: true });
  await ownAll(place);
}

const templates = new Map<string, Promise<string>>();

/** What initdb makes, once for all the clusters of this process. */
function template(place: Place): Promise<string> {
  const made = templates.get(place.binaries) ?? makeTemplate(place);
  templates.set(place.binaries, made);
  return made;
}

async function makeTemplate(place: Place): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "blackstart-zoo-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  if (place.account !== undefined) chownSync(folder, place.account.uid, place.account.gid);
  const data = join(folder, "data");
  const options = ["-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize=1"];
  await runAs({ ...place, inside: [] }, join(place.binaries, "initdb"), "-D", data, ...options);
  return data;
}

async function ownAll(place: Place): Promise<void> {
  if (place.account !== undefined) await run("chown", ["-R", `${place.account.uid}:${place.account.gid}`, place.data]);
  await run("chmod", ["-R", "u=rwX,go=", place.data]);
}

/** What `apt-get install postgresql` does, with the folders of a machine of its own. */
async function createCluster(place: Place): Promise<void> {
  const options = ["--user=postgres", `--port=${place.port}`, `--datadir=${place.data}`, `--logfile=${place.logFile}`];
  const more = [`--socketdir=${socketFolder(place)}`, "--start-conf=manual", "15", "main", "--", "--no-sync"];
  await run("pg_createcluster", [...options, ...more], place.environment);
}

async function baseBackup(zoo: Zoo, name: string): Promise<void> {
  const place = zoo.place(name);
  // The directory itself stays: a mount, or what pg_createcluster has made.
  if (existsSync(place.data))
    for (const name of readdirSync(place.data)) rmSync(join(place.data, name), { recursive: true });
  const from = conninfoOf(zoo, name);
  const disks = zoo.recipe.disks
    ? ["-T", `${spaceOf(zoo, zoo.nodes[0] as string)}=${spaceOf(zoo, name)}`, `--waldir=${walOf(zoo, name)}`]
    : [];
  const options = ["-D", place.innerData, "-d", from, "-R", "-c", "fast", "--no-sync", ...disks];
  await runAs(place, join(place.binaries, "pg_basebackup"), ...options);
}

const spaceOf = (zoo: Zoo, node: string) => ownFolder(zoo, node, "fast-disk");
const walOf = (zoo: Zoo, node: string) => ownFolder(zoo, node, "wal-disk");

function ownFolder(zoo: Zoo, node: string, name: string): string {
  const folder = join(zoo.folder, node, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  own(zoo.place(node), folder);
  return folder;
}

async function moveWal(zoo: Zoo, node: string): Promise<void> {
  const [from, to] = [join(zoo.place(node).data, "pg_wal"), walOf(zoo, node)];
  await run("cp", ["-a", `${from}/.`, to]);
  rmSync(from, { recursive: true });
  symlinkSync(to, from);
}

async function copy(zoo: Zoo, name: string, primary: string): Promise<void> {
  const place = zoo.place(name);
  await zoo.stop(primary);
  await cp(zoo.place(primary).data, place.data, { recursive: true, preserveTimestamps: true });
  await zoo.start(primary);
  await ownAll(place);
  own(place, join(place.data, "standby.signal"), "");
  const conninfo = conninfoOf(zoo, name);
  appendFileSync(join(place.data, "postgresql.auto.conf"), lines({ primary_conninfo: conninfo }));
}

function forgetPrimary(zoo: Zoo, name: string): void {
  const file = join(zoo.place(name).data, "postgresql.auto.conf");
  own(zoo.place(name), file, readFileSync(file, "utf8").replace(/^primary_conninfo.*$/m, ""));
}

/** What differs from the file that initdb has left; the last line of a parameter counts. */
async function configure(zoo: Zoo, name: string): Promise<void> {
  const place = zoo.place(name);
  const { recipe } = zoo;
  if (recipe.tls) await selfSign(place);
  const settings: Settings = {
    listen_addresses: "127.0.0.1",
    port: String(place.port),
    unix_socket_directories: socketFolder(place),
    shared_buffers: "16MB",
    max_connections: "50",
    fsync: "off",
    // In the data directory: a server that is killed leaves nothing in /dev/shm.
    dynamic_shared_memory_type: "mmap",
    wal_log_hints: "on",
    wal_keep_size: "64MB",
    ...(recipe.layout === "debian" ? {} : { cluster_name: "" }),
    ...(recipe.tls ? { ssl: "on", ssl_cert_file: "server.crt", ssl_key_file: "server.key" } : {}),
    ...(recipe.passwords ? { password_encryption: "scram-sha-256" } : {}),
    ...recipe.settings,
    ...nodesOf(recipe)[name]?.settings,
  };
  const file = join(place.configuration, "postgresql.conf");
  const before = readFileSync(file, "utf8").split("# --- ours ---")[0];
  own(place, file, `${before}# --- ours ---\n${lines(settings)}`);
  const method = recipe.passwords ? "scram-sha-256" : "trust";
  const kind = recipe.tls ? "hostssl" : "host";
  const rules = [
    "local all postgres trust",
    ...["all", "replication"].map((what) => `${kind} ${what} all 127.0.0.1/32 ${method}`),
  ];
  own(place, join(place.configuration, "pg_hba.conf"), `${rules.join("\n")}\n`);
}

async function selfSign(place: Place): Promise<void> {
  const files = ["-keyout", join(place.data, "server.key"), "-out", join(place.data, "server.crt")];
  const subject = ["-subj", `/CN=${place.name}`, "-days", "30"];
  await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files, ...subject]);
  for (const file of ["server.key", "server.crt"]) own(place, join(place.data, file));
}

/** Into postgresql.conf, of a server that does not run yet. */
export function appendSettings(zoo: Zoo, node: string, settings: Settings): void {
  appendFileSync(join(zoo.place(node).configuration, "postgresql.conf"), lines(settings));
}

/** Writes the file, where there is a text, and gives it to the account of the servers alone. */
export function own(place: Place, file: string, text?: string): void {
  if (text !== undefined) writeFileSync(file, text, { mode: 0o600 });
  if (place.account !== undefined) chownSync(file, place.account.uid, place.account.gid);
}

function lines(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join("");
}

export function socketFolder({ logFile }: Place): string {
  return join(logFile, "..", "..", "run");
}

/** Each statement by itself, over the socket, as the superuser that initdb has made. */
async function runScript(zoo: Zoo, node: string, statements: readonly string[]): Promise<void> {
  const place = zoo.place(node);
  const client = new pg.Client({ host: socketFolder(place), port: place.port, user: "postgres", database: "postgres" });
  await client.connect();
  try {
    for (const statement of ["set default_transaction_read_only = off", ...statements]) await client.query(statement);
  } finally {
    await client.end();
  }
}
