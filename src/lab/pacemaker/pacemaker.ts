import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { type Binaries, findBinaries } from "../binaries.ts";
import type { LabOptions } from "../lab.ts";
import type { LabManager, LabPlan, LabSite } from "../manager.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { logFileOf } from "../server-start.ts";
import { isRunning } from "../servers.ts";
import { adaptConfiguration } from "./adapt.ts";
import { clientsUrl, clientsVirtualAddress, liveState, waitUntilSettled, writeThroughAddress } from "./cluster.ts";
import type { LabConfiguration } from "./configuration.ts";
import { defaultConfiguration } from "./default-configuration.ts";
import { assertVerified, cibFromCrm, upgradedCib } from "./offline-tools.ts";
import { bootHost, hostProcess, hostProcesses, makeDisk, switchOff } from "./host.ts";
import { assertSocketPath } from "./host-files.ts";
import { hostNetwork, networkProcess, setHostNetwork, startNetwork } from "./network.ts";
import { cibFile, clientFolder, folderOf, shapeOf, socketIn, urlThrough } from "./places.ts";
import { hasAgent, requirePacemaker } from "./requirements.ts";
import { accepts, bringBack, isLockedOut } from "./rejoin.ts";
import { makeServers, startServerOn } from "./servers.ts";
import { parseCib } from "./xml.ts";

const ownSource = "the lab's own configuration";
const steadyTimeoutMs = 90_000;
const powerOnTimeoutMs = 60_000;

/** Corosync, Pacemaker and the agent ocf:heartbeat:pgsql, each host in namespaces of its own. Needs Linux and root. */
export const pacemaker: LabManager = {
  name: "pacemaker",
  failsOver: true,
  prepare,
  plan,
  build,
  systemLines: (record) => ["manager: pacemaker", `clients: { vip: ${JSON.stringify(clientsAddress(record))} }`],
  clientUrl: async (record) => clientsUrl(record),
  opinions,
  processesOf: hostProcesses,
  sharedProcesses: (record) => [networkProcess(record)].filter((identity) => identity !== undefined),
  powerOff: switchOff,
  powerOn,
  setNetwork: (record, node, state) => setHostNetwork(record, node, hostProcess(record, node), state),
  afterHeal: bringBack,
  networkOf: (record, node) => hostNetwork(record, node, hostProcess(record, node)),
  clear: async () => undefined,
};

async function prepare(options: LabOptions): Promise<Binaries> {
  requirePacemaker({ crmShell: options.pacemaker?.kind === "crm" });
  const standbys = options.standbys ?? ["synchronous", "asynchronous"];
  if (options.proxied)
    throw new BlackstartError("USAGE", {
      what: "A lab with Pacemaker has no proxy.",
      why: "Its hosts have a network of their own, and that can be cut.",
      next: "Leave --proxied out.",
    });
  if (options.pacemaker === undefined && standbys.filter((role) => role === "synchronous").length !== 1)
    throw new BlackstartError("USAGE", {
      what: "A lab with Pacemaker has one synchronous standby.",
      why: "The agent ocf:heartbeat:pgsql makes one of them synchronous, whichever is there (rep_mode=sync).",
      next: "Leave --sync out; or give a configuration with rep_mode=async.",
    });
  return findBinaries(options.binaries === undefined ? {} : { directory: options.binaries });
}

async function plan(site: LabSite, options: LabOptions): Promise<LabPlan> {
  const { shape, replacements, cib } = await configurationFor(site, options);
  await assertVerified(cib, options.pacemaker?.source ?? ownSource);
  writeFileSync(cibFile(site), cib);
  const nodes = shape.nodes.map(({ name, role }): NodeRecord => {
    const dataDirectory = join(site.nodesDirectory, name, "data");
    const folder = folderOf({ dataDirectory });
    const socketFolder = join(folder, "socket");
    assertSocketPath(socketIn(socketFolder, shape.port));
    const url = urlThrough(socketFolder, shape.port);
    const logs = [logFileOf(dataDirectory), join(folder, "log", "pacemaker.log"), join(folder, "log", "corosync.log")];
    return { name, role, port: shape.port, serverPort: shape.port, url, ownUrl: url, dataDirectory, logs };
  });
  for (const { resource } of shape.virtualAddresses)
    assertSocketPath(socketIn(clientFolder(site, resource), shape.port));
  return { ports: [], nodes, manager: { kind: "pacemaker", shape, replacements } };
}

async function configurationFor(
  { binaries }: LabSite,
  { pacemaker: given, standbys }: LabOptions,
): Promise<LabConfiguration> {
  const lab = { binaries: binaries.directory, agents: hasAgent };
  if (given === undefined) {
    const names = Array.from({ length: (standbys ?? ["", ""]).length + 1 }, (_, index) => `pg${index + 1}`);
    return adaptConfiguration(defaultConfiguration(names), { ...lab, source: ownSource });
  }
  // What is no configuration at all is better told here than by a stylesheet.
  if (given.kind === "cib") parseCib(given.text, given.source);
  const cib = given.kind === "crm" ? await cibFromCrm(given.text, given.source) : given.text;
  return adaptConfiguration(await upgradedCib(cib), { ...lab, source: given.source });
}

/**
 * The servers run and hold their addresses before Pacemaker starts, as on a cluster whose Pacemaker was restarted: it finds
 * a primary with its standbys and takes them over. So the roles are those that were planned, and nobody waits for elections
 * among servers that are all alike.
 */
async function build(record: LabRecord, options: LabOptions): Promise<LabRecord> {
  for (const node of record.nodes) makeDisk(record, node);
  const [{ network, hosts }] = await allOrFirstError([
    startNetwork(record).then(async (network) => ({
      network,
      hosts: await allOrFirstError(record.nodes.map((node) => bootHost(record, node, addressesAtFirst(record, node)))),
    })),
    makeServers(record, options.settings ?? {}),
  ]);
  network.say("relay");
  await allOrFirstError(record.nodes.map((node) => startServerOn(record, node)));
  for (const host of hosts) host.say("manage");
  await steady(record);
  return record;
}

/** A failure is told when everything that was begun has ended: what follows clears away, and must not be overtaken. */
async function allOrFirstError<const T extends readonly unknown[]>(
  begun: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(begun);
  return Promise.all(begun);
}

function addressesAtFirst(record: LabRecord, { name }: NodeRecord): readonly string[] {
  const { virtualAddresses, nodes } = shapeOf(record);
  const place = nodes[0]?.name === name ? "primary" : nodes[1]?.name === name ? "elsewhere" : undefined;
  return virtualAddresses.filter((one) => one.place === place).map(({ address, prefix }) => `${address}/${prefix}`);
}

/** Every node in the role that it was made in, Pacemaker at rest, and a client's write through the address. */
async function steady(record: LabRecord): Promise<void> {
  const words = { primary: "PRI", synchronous: "HS:sync", asynchronous: "HS:async" };
  const deadline = AbortSignal.timeout(steadyTimeoutMs);
  const done = await pollUntil(
    async () => {
      const state = await liveState(record);
      const right = shapeOf(record).nodes.every(
        ({ name, role }) => state?.nodes.find((node) => node.name === name)?.status === words[role],
      );
      if (!right) return undefined;
      const { settled } = await waitUntilSettled(record, { timeoutMs: 1000, signal: deadline });
      return settled && (await writeThroughAddress(record)).ok ? true : undefined;
    },
    { everyMs: 250, timeoutMs: steadyTimeoutMs },
  );
  if (done) return;
  throw new BlackstartError("LAB_FAILED", {
    what: `Pacemaker did not bring the cluster into order within ${steadyTimeoutMs / 1000} s.`,
    why: `It says: ${
      Object.entries(await opinions(record))
        .map(([name, said]) => `${name} ${said}`)
        .join("; ") || "nothing"
    }. A client's write: ${whyNot(await writeThroughAddress(record))}`,
    next: "See whether the configuration has a place for every resource, e.g. with crm_simulate --live-check --show-scores.",
  });
}

function whyNot(write: Awaited<ReturnType<typeof writeThroughAddress>>): string {
  return write.ok ? "goes through." : write.why;
}

/** The agent's word for each server, and the virtual addresses that are there. */
async function opinions(record: LabRecord): Promise<Readonly<Record<string, string>>> {
  const state = await liveState(record);
  const addresses = shapeOf(record).virtualAddresses.map(({ resource }) => resource);
  return Object.fromEntries(
    (state?.nodes ?? []).map(({ name, online, status, active }) => [
      name,
      [
        online ? (status ?? "no word yet") : "OFFLINE",
        ...active.filter((resource) => addresses.includes(resource)),
      ].join(", "),
    ]),
  );
}

function clientsAddress(record: LabRecord): string {
  const { address, prefix } = clientsVirtualAddress(record);
  return `${address}/${prefix}`;
}

/**
 * Switches on what is off. A server that was the primary when it went is not started by the agent: its data may have what
 * the new primary has not (PGSQL.lock); `bringBack` is for that. The others are waited for.
 */
async function powerOn(record: LabRecord, nodes: readonly NodeRecord[]): Promise<readonly NodeRecord[]> {
  const down = nodes.filter((node) => hostProcess(record, node) === undefined || !isRunning(node));
  const off = down.filter((node) => hostProcess(record, node) === undefined);
  if (off.length > 0 && networkProcess(record) === undefined) (await startNetwork(record)).say("relay");
  for (const host of await allOrFirstError(off.map((node) => bootHost(record, node)))) host.say("manage");
  const awaited = down.filter((node) => !isLockedOut(node));
  const answer = await pollUntil(
    async () => ((await Promise.all(awaited.map(accepts))).every(Boolean) ? true : undefined),
    { everyMs: 100, timeoutMs: powerOnTimeoutMs },
  );
  if (answer) return down;
  throw new BlackstartError("LAB_FAILED", {
    what: `Not all of ${awaited.map(({ name }) => name).join(", ")} came back within ${powerOnTimeoutMs / 1000} s.`,
    why: `Pacemaker says: ${JSON.stringify(await opinions(record))}.`,
    next: "See what failed, on one of the hosts: crm_mon -1 --failcounts",
  });
}
