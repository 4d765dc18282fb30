import { execFile } from "node:child_process";
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type pg from "pg";
import { serverAccount } from "../../src/lab/account.ts";
import type { Binaries } from "../../src/lab/binaries.ts";
import { copyTree } from "../../src/lab/copy-template.ts";
import { claimPorts, releasePorts } from "../../src/lab/ports.ts";
import { serverProcessesIn } from "../../src/lab/processes.ts";
import { primaryReady, standbyReady, standbyStreams, startServer } from "../../src/lab/server-start.ts";
import { configurationText, serverSettings } from "../../src/lab/settings.ts";
import { endAll } from "../../src/lab/signals.ts";
import type { Spares } from "../../src/lab/spares.ts";
import { templateFor } from "../../src/lab/template.ts";
import { type Hosts, makeHosts } from "./hosts.ts";
import { type Links, openLinks, type Way } from "./links.ts";
import type { Breed } from "./schedule.ts";

/** A node as the nemesis has hold of it: past every line that can be broken. */
export type AnimalNode = Readonly<{
  name: string;
  dataDirectory: string;
  /** Where the system file says that it is. */
  port: number;
  /** How a client reaches it that was led to that port: by a line of its own. */
  clientPort: number;
  login: pg.ClientConfig;
  processes(): readonly number[];
  postmaster(): number | undefined;
  /** As whoever finds it stopped starts it: with what lies in its data directory. */
  start(): Promise<void>;
}>;

/** A cluster that runs, and that this program has made: it streams, the clients are led to its primary. */
export type Animal = Readonly<{
  folder: string;
  nodes: readonly AnimalNode[];
  systemFile: string;
  addressFile: string;
  /** Undefined: its network cannot be broken. */
  links: Links | undefined;
  /** Undefined: its hosts are this machine. */
  hosts: Hosts | undefined;
  /** For those who run Blackstart on it. */
  variables: NodeJS.ProcessEnv;
  down(): Promise<void>;
}>;

type Maker = Readonly<{ folder: string; binaries: Binaries; spares?: Spares }>;
type Ports = Readonly<{ us: number; clients: number; nodes: number; server: number }>;

const startTimeoutMs = 30_000;

export async function breed(like: Breed, { folder, binaries, spares }: Maker): Promise<Animal> {
  const names = ["pg1", "pg2", "pg3"].slice(0, like.standbys + 1);
  const claimed = await claimPorts(names.length * 4, folder);
  const portsOf = new Map(
    names.map((name, at) => {
      const [us = 0, clients = 0, nodes = 0, server = 0] = claimed.slice(at * 4, at * 4 + 4);
      return [name, { us, clients, nodes, server }] as const;
    }),
  );
  const ports = (name: string) => portsOf.get(name) as Ports;
  const links = await openLinks(names.flatMap((name) => waysTo(name, ports(name))));
  const hosts = like.hosts === "ssh" ? makeHosts(folder) : undefined;
  const template = await templateFor(binaries);
  const nodes = names.map((name) => nodeOf(name, ports(name), folder, binaries));
  const animal: Animal = {
    folder,
    nodes,
    systemFile: join(folder, "blackstart.yaml"),
    addressFile: join(folder, "primary-address"),
    links,
    hosts,
    variables: hosts?.variables ?? {},
    async down() {
      const segments = nodes.flatMap(({ dataDirectory }) => segmentOf(dataDirectory));
      await endAll(() => serverProcessesIn(folder));
      for (const id of segments)
        await promisify(execFile)("ipcrm", ["-m", id]).catch(() => undefined /* Gone with its server. */);
      await links.close();
      for (const { dataDirectory } of nodes) rmSync(join(dataDirectory, ".."), { recursive: true, force: true });
      releasePorts(claimed, folder);
    },
  };
  try {
    await Promise.all(
      nodes.map(async (node, at) => {
        const upstream = at === 0 ? undefined : like.cascade && at === 2 ? "pg2" : "pg1";
        await layOut(node, template, spares);
        configure(node, like, ports(node.name).server, upstream && ports(upstream).nodes, at === 0, binaries.major);
      }),
    );
    const isReady = (at: number) => (at === 0 ? primaryReady : standbyStreams);
    await Promise.all(nodes.map((node, at) => run(node, binaries, isReady(at))));
    writeFileSync(animal.addressFile, `127.0.0.1:${ports("pg1").us}\n`);
    writeFileSync(
      animal.systemFile,
      systemFileText(like, animal, binaries, (name) => ports(name).nodes),
    );
    return animal;
  } catch (error) {
    await animal.down();
    throw error;
  }
}

function waysTo(name: string, ports: Ports): readonly Way[] {
  const way = { to: name, target: ports.server };
  return [
    { ...way, from: "us", port: ports.us },
    { ...way, from: "clients", port: ports.clients },
    { ...way, from: "nodes", port: ports.nodes },
  ];
}

function nodeOf(name: string, ports: Ports, folder: string, binaries: Binaries): AnimalNode {
  const dataDirectory = join(folder, name, "data");
  const processes = () => serverProcessesIn(dataDirectory).map(({ pid }) => pid);
  const node: AnimalNode = {
    name,
    dataDirectory,
    port: ports.us,
    clientPort: ports.clients,
    login: {
      host: "127.0.0.1",
      port: ports.server,
      user: "blackstart",
      database: "postgres",
      connectionTimeoutMillis: 3000,
      query_timeout: 3000,
    },
    processes,
    postmaster() {
      const pid = Number.parseInt(lockFile(dataDirectory)[0] ?? "", 10);
      return processes().find((one) => one === pid);
    },
    start: () => run(node, binaries, existsSync(join(dataDirectory, "standby.signal")) ? standbyReady : primaryReady),
  };
  return node;
}

function run(node: AnimalNode, binaries: Binaries, ready: RegExp): Promise<void> {
  const server = { name: node.name, binaries: binaries.directory, dataDirectory: node.dataDirectory };
  return startServer(server, ready, { timeoutMs: startTimeoutMs, signal: new AbortController().signal });
}

async function layOut({ dataDirectory }: AnimalNode, template: string, spares: Spares | undefined): Promise<void> {
  const account = serverAccount();
  const folder = join(dataDirectory, "..");
  mkdirSync(folder, { mode: 0o755 });
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  if (!(await spares?.take(template, dataDirectory))) await copyTree(template, dataDirectory);
}

/** In postgresql.conf; what the standby follows in postgresql.auto.conf, where `pg_basebackup -R` writes it. */
function configure(
  { name, dataDirectory }: AnimalNode,
  like: Breed,
  port: number,
  upstreamPort: number | undefined,
  isPrimary: boolean,
  major: number,
): void {
  const settings = serverSettings({
    major,
    name,
    port,
    durable: false,
    synchronousStandbyNames: isPrimary ? like.synchronous : "",
    primaryConninfo: undefined,
    extra: { wal_keep_size: like.walKeep, cluster_name: like.clusterName === "own" ? name : like.clusterName },
  });
  const account = serverAccount();
  const write = (file: string, text: string) => {
    const path = join(dataDirectory, file);
    writeFileSync(path, text, { mode: 0o600 });
    if (account !== undefined) chownSync(path, account.uid, account.gid);
  };
  write("postgresql.conf", configurationText(settings));
  if (upstreamPort === undefined) return;
  const ownName = like.names === "own" ? ` application_name=${name}` : "";
  const conninfo = `host=127.0.0.1 port=${upstreamPort} user=replicator${ownName}`;
  appendFileSync(join(dataDirectory, "postgresql.auto.conf"), configurationText({ primary_conninfo: conninfo }));
  write("standby.signal", "");
}

function systemFileText(
  like: Breed,
  { nodes, addressFile }: Animal,
  binaries: Binaries,
  replicationPort: (name: string) => number,
): string {
  const lines = nodes.flatMap(({ name, port, dataDirectory }) => [
    `      ${name}:`,
    `        url: "postgres://blackstart@127.0.0.1:${port}/postgres"`,
    `        host: ${like.hosts === "ssh" ? `"ssh://root@${name}"` : '"local:"'}`,
    ...(like.declared ? [`        data: ${JSON.stringify(dataDirectory)}`] : []),
    `        binaries: ${JSON.stringify(binaries.directory)}`,
    `        replication: "host=127.0.0.1 port=${replicationPort(name)} user=replicator"`,
  ]);
  const head = [
    `    synchronous: ${like.promised}`,
    `    clients: { file: ${JSON.stringify(addressFile)} }`,
    "    nodes:",
  ];
  return ["system: nemesis", "clusters:", "  ledger:", ...head, ...lines, ""].join("\n");
}

function lockFile(dataDirectory: string): readonly string[] {
  try {
    return readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return []; // It does not run.
  }
}

/** SIGKILL leaves its segment of shared memory behind (line 7 of postmaster.pid). */
function segmentOf(dataDirectory: string): readonly string[] {
  const id = lockFile(dataDirectory)[6]?.trim().split(/\s+/)[1];
  return id === undefined ? [] : [id];
}
