import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { stringify } from "yaml";
import { delay, pollUntil } from "../src/base/time.ts";
import { withConnection } from "../src/drivers/postgres/connection.ts";
import { serverAccount, spawnAs } from "../src/lab/account.ts";
import { findBinaries } from "../src/lab/binaries.ts";
import { send } from "../src/lab/signals.ts";
import { claimPorts, releasePorts } from "../src/lab/ports.ts";
import { serverProcessesIn } from "../src/lab/processes.ts";

/*
 * The same outage under Patroni: three members and one etcd on this machine, synchronous_mode on, with the shortest
 * times that Patroni allows (ttl 20, loop_wait 1, retry_timeout 3). Its leader's Patroni and PostgreSQL are killed at
 * once, as when the machine dies.
 */

export type PatroniResult =
  | Readonly<{ kind: "measured"; downtimesMs: readonly number[] }>
  | Readonly<{ kind: "absent"; why: string }>;

type Member = Readonly<{ name: string; port: number; rest: number; directory: string; child: ChildProcess }>;

const healthyTimeoutMs = 120_000;
const recoveredTimeoutMs = 120_000;

export async function patroniFailover(trials: number): Promise<PatroniResult> {
  const missing = ["patroni", "etcd"].filter((name) => onPath(name) === undefined);
  if (missing.length > 0) {
    return {
      kind: "absent",
      why: `${missing.join(" and ")} not installed (Debian: apt-get install patroni etcd-server)`,
    };
  }
  const downtimesMs: number[] = [];
  for (let trial = 0; trial < trials; trial++) downtimesMs.push(await trialMs());
  return { kind: "measured", downtimesMs };
}

async function trialMs(): Promise<number> {
  const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-patroni-"));
  await ownedByServers(folder);
  const [client = 0, peer = 0, ...others] = await claimPorts(8, folder);
  const etcd = await startEtcd(folder, client, peer);
  const members: Member[] = [];
  try {
    for (const [index, name] of ["p1", "p2", "p3"].entries()) {
      const [port = 0, rest = 0] = others.slice(2 * index);
      members.push(await startMember({ folder, name, port, rest, etcd: client }));
      // The first makes the cluster; the others are cloned from it.
      if (index === 0) await healthy(members, 1);
    }
    const leader = await healthy(members, 3);
    await settled(leader);
    const killedAt = performance.now();
    leader.child.kill("SIGKILL");
    for (const { pid } of serverProcessesIn(leader.directory)) send(pid, "SIGKILL");
    await firstWrite(members.filter((member) => member !== leader));
    return performance.now() - killedAt;
  } finally {
    for (const { child } of [...members, { child: etcd }]) child.kill("SIGKILL");
    for (const { directory } of members) {
      for (const { pid } of serverProcessesIn(directory)) send(pid, "SIGKILL");
    }
    releasePorts([client, peer, ...others], folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function startEtcd(folder: string, client: number, peer: number): Promise<ChildProcess> {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const flags = {
    name: "e1",
    "data-dir": join(folder, "etcd"),
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `e1=${peerUrl}`,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  return startLogged("etcd", args, join(folder, "etcd.log"));
}

async function startMember(of: { folder: string; name: string; port: number; rest: number; etcd: number }) {
  const directory = join(of.folder, of.name);
  const file = join(of.folder, `${of.name}.yml`);
  await writeFile(file, stringify(await configuration({ ...of, directory })));
  return { ...of, directory, child: startLogged("patroni", [file], join(of.folder, `${of.name}.log`)) };
}

async function configuration(of: { name: string; port: number; rest: number; etcd: number; directory: string }) {
  const address = `127.0.0.1:${of.port}`;
  return {
    scope: "bench",
    name: of.name,
    restapi: { listen: `127.0.0.1:${of.rest}`, connect_address: `127.0.0.1:${of.rest}` },
    etcd3: { host: `127.0.0.1:${of.etcd}` },
    bootstrap: {
      dcs: {
        ttl: 20,
        loop_wait: 1,
        retry_timeout: 3,
        synchronous_mode: true,
        postgresql: { use_pg_rewind: true, parameters: { max_connections: 30, shared_buffers: "16MB" } },
      },
      initdb: [{ auth: "trust" }, "data-checksums"],
    },
    postgresql: {
      listen: address,
      connect_address: address,
      data_dir: of.directory,
      bin_dir: (await findBinaries()).directory,
      pgpass: `${of.directory}.pgpass`,
      pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
      parameters: { unix_socket_directories: "" },
      authentication: { superuser: { username: "postgres" }, replication: { username: "replicator" } },
    },
  };
}

/** The leader, as soon as so many members run and follow it, one of them synchronously. */
async function healthy(members: readonly Member[], count: number): Promise<Member> {
  const leader = await pollUntil(
    async () => {
      const states = await clusterOf(members);
      const following = states.filter(({ role, state }) => role !== "leader" && /^(running|streaming)$/.test(state));
      const synchronous = count === 1 || following.some(({ role }) => role === "sync_standby");
      const found = states.find(({ role, state }) => role === "leader" && state === "running");
      return following.length === count - 1 && synchronous
        ? members.find(({ name }) => name === found?.name)
        : undefined;
    },
    { everyMs: 100, timeoutMs: healthyTimeoutMs },
  );
  if (leader !== undefined) return leader;
  const log = await readFile(`${members[0]?.directory}.log`, "utf8");
  throw new Error(
    `Patroni had no healthy cluster of ${count} after ${healthyTimeoutMs} ms; it says: ${log.slice(-600)}`,
  );
}

type MemberState = Readonly<{ name: string; role: string; state: string }>;

async function clusterOf(members: readonly Member[]): Promise<readonly MemberState[]> {
  try {
    const answer = await fetch(`http://127.0.0.1:${members[0]?.rest}/cluster`);
    return ((await answer.json()) as { members: readonly MemberState[] }).members;
  } catch {
    return []; // Not up yet.
  }
}

/** The table is there on every node, and the cluster has been healthy for more than one of Patroni's rounds. */
async function settled({ port }: Member): Promise<void> {
  await withConnection(urlOf(port), {}, (connection) => connection.query("create table writes (at timestamptz)"));
  await delay(2500);
}

/** As a client with `target_session_attrs=read-write` does: tries one node after the other. */
async function firstWrite(members: readonly Member[]): Promise<void> {
  const written = await pollUntil(
    async () => {
      for (const { port } of members) {
        const wrote = await withConnection(urlOf(port), {}, (connection) =>
          connection.query("insert into writes values (now())"),
        ).then(
          () => true,
          () => false, // Read-only still, or not reachable: the next one.
        );
        if (wrote) return true;
      }
      return undefined;
    },
    { everyMs: 10, timeoutMs: recoveredTimeoutMs },
  );
  if (written === undefined) throw new Error(`under Patroni no write was accepted within ${recoveredTimeoutMs} ms`);
}

function onPath(program: string): string | undefined {
  const candidates = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, program));
  return candidates.find((candidate) => existsSync(candidate));
}

function urlOf(port: number): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`;
}

function startLogged(program: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, "a");
  const child = spawn(onPath(program) ?? program, args, {
    ...spawnAs(serverAccount()),
    stdio: ["ignore", log, log],
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8" },
  });
  closeSync(log);
  child.on("error", () => undefined /* what waits for it tells */);
  return child;
}

async function ownedByServers(folder: string): Promise<void> {
  const account = serverAccount();
  if (account !== undefined) await chown(folder, account.uid, account.gid);
}
