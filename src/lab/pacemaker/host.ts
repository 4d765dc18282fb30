import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { HostResult } from "../../drivers/host/host.ts";
import { type Account, serverAccount } from "../account.ts";
import {
  argumentsOf,
  isAlive,
  type ProcessIdentity,
  type ProcessInfo,
  processesIn,
  processesInNamespace,
} from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { endAll } from "../signals.ts";
import { corosyncText, hostsText, initScript, passwdText, repairedShellFunctions } from "./host-files.ts";
import {
  mustRunInside,
  processNamespace,
  readAliveIdentity,
  runInside,
  type Started,
  startInNamespaces,
  writeIdentity,
} from "./namespaces.ts";
import { plugIn } from "./network.ts";
import { cibFile, folderOf, identityFile, shapeOf } from "./places.ts";

const shellFunctions = "/usr/lib/ocf/lib/heartbeat/ocf-shellfuncs";
const bootTimeoutMs = 20_000;
const commandTimeoutMs = 30_000;

/** The disk of a host as it is before it is ever switched on, but for the data directory. */
export function makeDisk(record: LabRecord, node: NodeRecord): void {
  const folder = folderOf(node);
  const shape = shapeOf(record);
  const server = serverAccount() as Account;
  const cluster = accountOf("hacluster");
  const make = (path: string, owner?: Account, mode = 0o755) => {
    mkdirSync(join(folder, path), { recursive: true, mode });
    if (owner !== undefined) chownSync(join(folder, path), owner.uid, owner.gid);
  };
  const write = (path: string, text: string, owner?: Account, mode = 0o644) => {
    writeFileSync(join(folder, path), text, { mode });
    if (owner !== undefined) chownSync(join(folder, path), owner.uid, owner.gid);
  };
  make(".", server);
  make("tmp", server, 0o700);
  make("socket", server);
  make("log", cluster);
  make("corosync");
  make("etc/corosync/uidgid.d");
  make("pacemaker");
  for (const part of ["cib", "pengine", "cores", "blackbox"]) make(`pacemaker/${part}`, cluster, 0o750);
  write("pacemaker/cib/cib.xml", readFileSync(cibFile(record), "utf8"), cluster, 0o600);
  write("etc/corosync/corosync.conf", corosyncText(record.name, shape.nodes, join(folder, "log", "corosync.log")));
  write("etc/hosts", hostsText(shape));
  write("etc/passwd", passwdText(readFileSync("/etc/passwd", "utf8"), shape.account, server));
  write("etc/ocf-shellfuncs", repairedShellFunctions(readFileSync(shellFunctions, "utf8")));
  write("init.sh", initScript({ folder, name: node.name, shellFunctions }));
}

/** Pacemaker's own account, made by its package. */
function accountOf(name: string): Account {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? "").split(":");
  if (uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  throw new BlackstartError("LAB_UNSUPPORTED", {
    what: "A lab with Pacemaker cannot be made here.",
    why: `There is no account ${name}, which Pacemaker's package makes.`,
    next: "Install Pacemaker from the distribution's package.",
  });
}

/** Switches a host on as far as corosync. Pacemaker comes with the word `manage`. */
export async function bootHost(
  record: LabRecord,
  node: NodeRecord,
  moreAddresses: readonly string[] = [],
): Promise<Started> {
  const folder = folderOf(node);
  const booted = join(folder, "booted");
  rmSync(booted, { force: true });
  const logFile = join(folder, "log", "init.log");
  const host = await startInNamespaces(
    {
      flags: ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"],
      program: ["sh", join(folder, "init.sh")],
      folder,
      logFile,
    },
    (identity) => writeIdentity(identityFile(record, node.name), identity),
  );
  await plugIn(record, node, host.identity, moreAddresses);
  host.say("boot");
  const answer = await pollUntil(
    async () => (existsSync(booted) ? "booted" : hostProcess(record, node) === undefined ? "ended" : undefined),
    { everyMs: 5, timeoutMs: bootTimeoutMs },
  );
  if (answer === "booted") return host;
  throw new BlackstartError("LAB_FAILED", {
    what: `The host ${node.name} did not boot.`,
    why: readFileSync(logFile, "utf8").trim().split("\n").slice(-4).join(" / ") || "It said nothing.",
    next: "In a container, give it the right to mount (CAP_SYS_ADMIN).",
  });
}

/** The first process of a host; undefined: it is switched off. */
export function hostProcess(record: LabRecord, { name }: Readonly<{ name: string }>): ProcessIdentity | undefined {
  return readAliveIdentity(identityFile(record, name));
}

/**
 * Whatever runs in a host; and outside of it: who started it, and what prepares its data directory. A host whose first
 * process is gone has none any more; the kernel sees to that.
 */
export function hostProcesses(record: LabRecord, node: NodeRecord): readonly ProcessInfo[] {
  const identity = hostProcess(record, node);
  const namespace = identity === undefined ? undefined : processNamespace(identity);
  const folder = folderOf(node);
  const init = join(folder, "init.sh");
  const within = namespace === undefined ? [] : processesInNamespace(namespace);
  const outside = processesIn(folder, ({ pid, program }) => program === "postgres" || argumentsOf(pid).includes(init));
  const known = new Set(within.map(({ pid }) => pid));
  return [...within, ...outside.filter(({ pid }) => !known.has(pid))];
}

/** What a power cut does: the end of the first process is, at once, the end of all of them. */
export async function switchOff(record: LabRecord, nodes: readonly NodeRecord[]): Promise<void> {
  const first = nodes.map((node) => hostProcess(record, node)).filter((identity) => identity !== undefined);
  const namespaces = first.map(processNamespace).filter((namespace) => namespace !== undefined);
  await endAll(() => first.filter(isAlive));
  const left = () => [
    ...namespaces.flatMap(processesInNamespace),
    ...nodes.flatMap((node) => hostProcesses(record, node)),
  ];
  await endAll(left);
}

/** A command on a host. Throws NOT_POSSIBLE_NOW where that is switched off. */
export function onHost(
  record: LabRecord,
  node: Readonly<{ name: string }>,
  program: readonly string[],
  options: Readonly<{ input?: string; timeoutMs?: number }> = {},
): Promise<HostResult> {
  return runInside(...inside(record, node, program, options));
}

/** The same for what must succeed: its output. */
export function mustOnHost(
  record: LabRecord,
  node: Readonly<{ name: string }>,
  program: readonly string[],
  options: Readonly<{ input?: string; timeoutMs?: number }> = {},
): Promise<string> {
  return mustRunInside(...inside(record, node, program, options));
}

function inside(
  record: LabRecord,
  { name }: Readonly<{ name: string }>,
  program: readonly string[],
  options: Readonly<{ input?: string; timeoutMs?: number }>,
): Parameters<typeof runInside> {
  const off: ProcessIdentity = { pid: 0, startTime: "", boot: "" };
  return [
    hostProcess(record, { name }) ?? off,
    program,
    { timeoutMs: commandTimeoutMs, ...options, where: `the host ${name}` },
  ];
}
