import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import { type Binaries, findBinaries } from "../binaries.ts";
import { copyTemplate } from "../copy-template.ts";
import type { LabOptions } from "../lab.ts";
import { loopbackNodes } from "../loopback-nodes.ts";
import type { LabManager, LabPlan, LabSite } from "../manager.ts";
import { findProgram } from "../programs.ts";
import { proxiedNetwork, proxyProcesses } from "../proxy/proxied.ts";
import { startProxy } from "../proxy/start.ts";
import type { LabRecord, NodeRecord, PatroniRecord } from "../record.ts";
import { rolesNow } from "../roles-now.ts";
import { answers, isRunning } from "../servers.ts";
import { endAll } from "../signals.ts";
import { templateFor } from "../template.ts";
import { assertTimes, defaultTimes } from "./configuration.ts";
import { patronictl } from "./patronictl.ts";
import { etcdProcesses, memberProcesses, patroniLogOf, patroniRuns } from "./processes.ts";
import { etcdAnswers, leaderOf, membersSaid } from "./rest.ts";
import { neverStarts, type Started, startEtcd, startMember, waitFor, writeConfiguration } from "./start.ts";

const startTimeoutMs = 90_000;

/** Patroni beside each server, and one etcd, which is no node's: the lab's outages are those of its members. */
export const patroni: LabManager = {
  name: "patroni",
  failsOver: true,
  prepare,
  plan,
  build,
  systemLines: () => ["manager: patroni", "clients: { patroni: true }"],
  async clientUrl(record) {
    const leader = await leaderOf(record, patroniOf(record));
    return record.nodes.find(({ name }) => name === leader)?.url;
  },
  opinions: (record) => membersSaid(record, patroniOf(record)),
  processesOf: (_, node) => memberProcesses(node),
  sharedProcesses: (record) => [...proxyProcesses(record), ...etcdProcesses(record)],
  async powerOff(_, nodes) {
    await endAll(() => nodes.flatMap(memberProcesses));
  },
  powerOn,
  ...proxiedNetwork,
  command: (record, words) => patronictl(record, patroniOf(record), words),
  clear: async () => undefined,
};

async function prepare(options: LabOptions): Promise<Binaries> {
  assertTimes({ ...defaultTimes, ...options.patroni });
  const missing = [
    ...(findProgram(["patroni"]) === undefined ? ["patroni"] : []),
    ...(findProgram(["etcd"]) === undefined ? ["etcd-server"] : []),
  ];
  if (missing.length > 0) {
    throw new BlackstartError("LAB_UNSUPPORTED", {
      what: `A lab with Patroni needs what is not installed: ${missing.join(" and ")}.`,
      why: "Patroni keeps in etcd who the leader is.",
      next: `Install ${missing.length === 1 ? "it" : "them"}, on Debian or Ubuntu: apt-get install ${missing.join(" ")}`,
    });
  }
  const binaries = await findBinaries(options.binaries === undefined ? {} : { directory: options.binaries });
  const needed = ["pg_ctl", "pg_controldata", "pg_isready", "pg_rewind", "pg_basebackup"];
  const absent = needed.filter((program) => !existsSync(join(binaries.directory, program)));
  if (absent.length === 0) return binaries;
  throw new BlackstartError("LAB_UNSUPPORTED", {
    what: `Patroni cannot work with the PostgreSQL ${binaries.version} in ${binaries.directory}.`,
    why: `It lacks ${absent.join(", ")}.`,
    next: "Install a whole one, on Debian or Ubuntu: apt-get install postgresql; or name another: --binaries",
  });
}

async function plan(site: LabSite, options: LabOptions): Promise<LabPlan> {
  const nodeCount = 1 + (options.standbys ?? ["synchronous", "asynchronous"]).length;
  const each = options.proxied ? 3 : 1;
  const { ports, nodes, routes, others } = await loopbackNodes(site, options, 2 + each * nodeCount);
  const [client = 0, peer = 0, ...rest] = others;
  const members = Object.fromEntries(
    nodes.map(({ name }, index) => {
      const [restServer = 0, proxiedRest, proxiedEtcd] = rest.slice(each * index, each * (index + 1));
      return [name, { restServer, rest: proxiedRest ?? restServer, etcd: proxiedEtcd ?? client }] as const;
    }),
  );
  const memberRoutes = Object.entries(members).flatMap(([node, member]) => [
    { node, port: member.rest, target: member.restServer },
    { node, port: member.etcd, target: client },
  ]);
  return {
    ports,
    nodes: nodes.map((node) => ({ ...node, logs: [...node.logs, patroniLogOf(node)] })),
    manager: {
      kind: "patroni",
      routes: options.proxied ? [...routes, ...memberRoutes] : [],
      times: { ...defaultTimes, ...options.patroni },
      etcd: { client, peer },
      members,
    },
  };
}

/**
 * The members are made as an existing cluster is put under Patroni: each has its copy of the same data. The first has to
 * be the leader before the others start, or it would be chance which of them is.
 */
async function build(record: LabRecord, options: LabOptions): Promise<LabRecord> {
  const template = await templateFor({ directory: record.binaries, version: record.version });
  await startProxy(record);
  const manager = patroniOf(record);
  const extra = options.settings ?? {};
  await Promise.all(record.nodes.map((node) => copyTemplate(node, template)));
  for (const node of record.nodes) writeConfiguration(record, node, manager, extra);

  const programs: Started[] = [startEtcd(record, manager)];
  await waitFor("etcd did not answer", programs, startTimeoutMs, () => etcdAnswers(manager));
  const [first, ...others] = record.nodes as readonly [NodeRecord, ...NodeRecord[]];
  programs.push(startMember(first, neverStarts));
  await waitFor(`Patroni made no leader of ${first.name}`, programs, startTimeoutMs, async () =>
    (await leaderOf(record, manager)) === first.name ? true : undefined,
  );
  await assertSettingsTaken(first, extra);
  programs.push(...others.map((node) => startMember(node, neverStarts)));
  const nodes = await waitFor("Not every standby streamed as it should", programs, startTimeoutMs, () =>
    nodesAsPlanned(record),
  );
  return { ...record, nodes };
}

/**
 * Which standbys are the synchronous ones is for Patroni to choose; their number is what was asked for. Patroni has to
 * know it too: a primary that dies before etcd names a synchronous standby is never failed over.
 */
async function nodesAsPlanned(record: LabRecord): Promise<readonly NodeRecord[] | undefined> {
  const [roles, opinions] = await Promise.all([rolesNow(record), membersSaid(record, patroniOf(record))]);
  const nodes = record.nodes.flatMap((node): NodeRecord[] => {
    const role = roles[node.name];
    if (opinions[node.name]?.role !== role) return [];
    return role === "primary" || role === "synchronous" || role === "asynchronous" ? [{ ...node, role }] : [];
  });
  const sorted = (all: readonly NodeRecord[]) =>
    all
      .map(({ role }) => role)
      .sort()
      .join();
  return sorted(nodes) === sorted(record.nodes) ? nodes : undefined;
}

/** Patroni leaves out what it does not know or takes for wrong, and says so only in its log: the server tells. */
async function assertSettingsTaken(node: NodeRecord, extra: Readonly<Record<string, string>>): Promise<void> {
  const left = await withConnection(node.ownUrl, {}, (connection) =>
    connection.query<{ name: string }>(
      `select name from unnest($1::text[]) as wanted (name)
       where current_setting(name, true) is null or exists (
         select from pg_settings as known where known.name = lower(wanted.name)
         and source not in ('configuration file', 'command line'))`,
      [Object.keys(extra)],
    ),
  );
  if (left.length === 0) return;
  const names = left.map(({ name }) => name);
  const said = readFileSync(patroniLogOf(node), "utf8")
    .split("\n")
    .filter((line) => names.some((name) => line.includes(name)));
  throw new BlackstartError("LAB_FAILED", {
    what: `Patroni did not take ${names.length === 1 ? "the setting" : "the settings"} ${names.join(", ")}.`,
    why: `Its log says: ${said.slice(-names.length).join(" / ") || "nothing"}`,
    next: "Leave it out, or see how PostgreSQL spells it and what it may be.",
  });
}

async function powerOn(_: LabRecord, nodes: readonly NodeRecord[]): Promise<readonly NodeRecord[]> {
  const off = nodes.filter((node) => !patroniRuns(node));
  const down = nodes.filter((node) => off.includes(node) || !isRunning(node));
  const programs = off.map((node) => startMember(node));
  await waitFor(
    `Not all of ${nodes.map(({ name }) => name).join(", ")} came back`,
    programs,
    startTimeoutMs,
    async () => ((await Promise.all(down.map(answers))).every(Boolean) ? true : undefined),
  );
  return down;
}

function patroniOf({ manager }: LabRecord): PatroniRecord {
  if (manager.kind === "patroni") return manager;
  throw new Error(`not a lab with Patroni, but with ${manager.kind}`);
}
