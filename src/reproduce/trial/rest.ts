import { delay } from "../../base/time.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import type { NodeStatus } from "../../lab/lab.ts";
import type { Symptom } from "../scenario/schema.ts";
import { usualPresent, type Workload } from "./clients.ts";
import type { World } from "./world.ts";

export type NodeAtRest = Pick<NodeStatus, "name" | "madeAs" | "role" | "manager" | "network">;

/** A cluster in which nothing happens by itself any more. */
export type Settled = Readonly<{
  nodes: readonly NodeAtRest[];
  /** Whether writes are accepted through the clients' path. */
  accepted: boolean;
  /** False: writes are accepted, and somebody's role changes again and again. */
  settled: boolean;
  /** What the clients were told last instead of an acknowledgement, where none comes. */
  refusal?: string;
}>;

/** The same, with what only a closer look tells. */
export type Rest = Settled &
  Readonly<{
    /** The nodes that accept a write from whoever comes to them over the network. */
    takeWrites: readonly string[];
    /** So many writes were acknowledged, and so many of them are not there; none where nobody can be asked. */
    acknowledged: number;
    lost: number;
    /** What the automation said of why it does not act. */
    automation?: string;
  }>;

export type Trouble = NonNullable<Symptom["at-rest"]>[number];

const everyMs = 100;
/** Writes that are accepted at all are accepted this often. */
const recentMs = 1000;
/** A pause that is so much longer than it should be was none: we were halted, and our own clients with us. */
const haltedMs = 1000;
/** Nothing has changed for this part of the time that is allowed: longer than the pauses of those who act. */
const stillPart = 1 / 8;
const restlessTimes = 3;
const queryTimeoutMs = 5000;
const probeTimeoutMs = 1000;

/**
 * Waits until the cluster is at rest: the roles, and what the manager says of them, stay the same, and writes are accepted; or
 * none has been accepted for `withinMs`. What never comes to rest is given up after three times as long.
 */
export async function settle(world: World, withinMs: number): Promise<Settled> {
  const { lab, clients, automation, signal, say } = world;
  let beganMs = performance.now();
  let [sinceMs, shape, changedMs] = [beganMs, "", beganMs];
  for (;;) {
    const { nodes } = await lab.status();
    const nowMs = performance.now();
    const shapeNow = nodesText(nodes);
    if (shapeNow !== shape) {
      [shape, changedMs] = [shapeNow, nowMs];
      say(shape);
    }
    const acceptedMs = clients.lastAcceptedMs() ?? 0;
    const accepted = acceptedMs >= sinceMs && nowMs - acceptedMs < recentMs;
    const found = { nodes: nodes.map(atRest), accepted };
    const isStill = nowMs - changedMs >= withinMs * stillPart && (!nodes.some(isNews) || nowMs - beganMs >= withinMs);
    const isSilent = nowMs - Math.max(acceptedMs, sinceMs) >= withinMs;
    const isOver = nowMs - beganMs >= withinMs * restlessTimes;
    if (isOver || (((accepted && isStill) || isSilent) && (await automation?.isBusy()) !== true))
      return accepted || !isSilent
        ? { ...found, settled: !isOver }
        : { ...found, settled: true, refusal: clients.lastRefusal() ?? "no answer" };
    await delay(everyMs, signal);
    const pausedMs = performance.now() - nowMs;
    if (pausedMs <= everyMs + haltedMs) continue;
    [sinceMs, changedMs] = [performance.now(), performance.now()];
    beganMs += pausedMs;
  }
}

/** Waits for the rest, and looks at what cannot be seen from outside: who takes writes, and whether any were lost. */
export async function lookAtRest(workload: Workload, world: World, withinMs: number): Promise<Rest> {
  const settled = await settle(world, withinMs);
  const automation = settled.accepted ? undefined : await world.automation?.said();
  return {
    ...settled,
    takeWrites: await takingWrites(settled.nodes, world),
    ...(await lostOf(workload, world, settled)),
    ...(automation === undefined ? {} : { automation }),
  };
}

/** What is wrong with it. Pure. */
export function troublesOf(rest: Rest): readonly Trouble[] {
  return [
    ...(isBlocked(rest) ? (["blocked"] as const) : []),
    ...(rest.takeWrites.length > 1 ? (["two-primaries"] as const) : []),
    ...(rest.lost > 0 ? (["lost-writes"] as const) : []),
  ];
}

/** Nobody takes writes, although somebody could. Pure. */
export function isBlocked(settled: Settled): boolean {
  return settled.settled && !settled.accepted && candidatesOf(settled).length > 0;
}

/** The nodes that nothing is wrong with: they could take writes, or be made to. Pure. */
export function candidatesOf({ nodes }: Settled): readonly NodeAtRest[] {
  return nodes.filter(({ role, network }) => role !== "down" && role !== "silent" && network === undefined);
}

export function restText(rest: Rest): string {
  const lost = rest.lost === 0 ? "" : `; ${rest.lost} of ${rest.acknowledged} acknowledged writes are not there`;
  const both = rest.takeWrites.length < 2 ? "" : `; ${rest.takeWrites.join(" and ")} both take writes`;
  return `${settledText(rest)}${both}${lost}`;
}

export function settledText({ nodes, accepted, settled, refusal }: Settled): string {
  const writes = accepted ? "writes are accepted" : `no write is accepted: ${refusal ?? "no answer"}`;
  return `${settled ? "at rest" : "finds no rest"}: ${nodesText(nodes)}; ${writes}`;
}

/** `pg1 down; pg2 primary (leader, running, timeline 3)` */
export function nodesText(nodes: readonly NodeAtRest[]): string {
  return nodes.map(nodeText).join("; ");
}

function nodeText({ name, role, network, manager }: NodeAtRest): string {
  const cut = network === undefined ? "" : `, its network ${typeof network === "string" ? network : "slow"}`;
  return `${name} ${role}${cut}${manager === undefined ? "" : ` (${manager.words})`}`;
}

function atRest({ name, madeAs, role, manager, network }: NodeStatus): NodeAtRest {
  return {
    name,
    madeAs,
    role,
    ...(manager === undefined ? {} : { manager }),
    ...(network === undefined ? {} : { network }),
  };
}

/** The manager takes it for alive, and it is down: it is yet to notice. */
function isNews({ role, manager }: NodeStatus): boolean {
  return role === "down" && manager !== undefined && manager.role !== "down";
}

async function takingWrites(nodes: readonly NodeAtRest[], { lab }: World): Promise<readonly string[]> {
  const primaries = nodes.filter(({ role }) => role === "primary");
  const taking = await Promise.all(
    primaries.map(async ({ name }) => ((await takesWrite(lab.node(name).url)) ? [name] : [])),
  );
  return taking.flat();
}

/** A transaction of its own in the log, which waits for the standbys as every other does. */
function takesWrite(url: string): Promise<boolean> {
  const limits = { timeoutMs: probeTimeoutMs, queryTimeoutMs: probeTimeoutMs };
  return withConnection(url, limits, (connection) =>
    connection.query("select pg_logical_emit_message(true, 'blackstart', 'probe')"),
  ).then(
    () => true,
    () => false, // Cut off, or it waits for a standby that does not come: no client is told of a success either.
  );
}

/** Those that were acknowledged before the question must be in its answer; the clients go on. */
async function lostOf(
  { write, present }: Workload,
  { lab, clients }: World,
  { accepted }: Settled,
): Promise<Pick<Rest, "acknowledged" | "lost">> {
  const before = [...clients.acknowledged()];
  const query = present ?? (write === undefined ? usualPresent : undefined);
  const url = accepted ? await lab.clientUrl() : undefined;
  if (url === undefined || query === undefined) return { acknowledged: before.length, lost: 0 };
  const limits = { timeoutMs: queryTimeoutMs, queryTimeoutMs };
  const rows = await withConnection(url, limits, (connection) => connection.query<Record<string, unknown>>(query));
  const there = new Set(rows.map((row) => Number(Object.values(row)[0])));
  return { acknowledged: before.length, lost: before.filter((number) => !there.has(number)).length };
}
