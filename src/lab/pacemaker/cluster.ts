import type { Element } from "@xmldom/xmldom";
import { BlackstartError } from "../../base/error.ts";
import { delay, type Instant, pollUntil, systemClock } from "../../base/time.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import { commandLineOf } from "../../drivers/pacemaker/shell-words.ts";
import type { LabRecord } from "../record.ts";
import type { ShapeNode, VirtualAddress } from "./configuration.ts";
import { hostProcess, mustOnHost, onHost } from "./host.ts";
import { clientFolder, shapeOf, urlThrough } from "./places.ts";
import { type ClusterState, clusterState } from "./state.ts";
import { childrenOf, idOf, remove, xmlText } from "../../drivers/pacemaker/xml.ts";
import { parseCib, sectionOf } from "./xml.ts";

/*
 * What one asks a running Pacemaker, and tells it. Everything goes through its own tools, on a host of the lab that is
 * switched on; of several partitions the one with the majority is asked.
 */

const queryTimeoutMs = 5000;

/**
 * The cluster information base as it is now, with its status section: what `crm_simulate --xml-file` takes. Of the first
 * host that is with the majority; where none is, of the first that answers.
 */
export async function liveCib(record: LabRecord): Promise<string> {
  let answer: string | undefined;
  for (const node of shapeOf(record).nodes) {
    const text = await cibOf(record, node);
    if (text !== undefined && /<cib\b[^>]* have-quorum="1"/.test(text)) return text;
    answer ??= text;
  }
  if (answer !== undefined) return answer;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Pacemaker does not answer on any host of the lab ${record.name}.`,
    why: "The hosts are switched off, or it has not begun yet.",
    next: "See `blackstart lab status`.",
  });
}

/** Undefined: the host is switched off, or Pacemaker does not answer there (yet, or any more). */
async function cibOf(record: LabRecord, node: ShapeNode): Promise<string | undefined> {
  if (hostProcess(record, node) === undefined) return undefined;
  try {
    const { code, stdout } = await onHost(record, node, ["cibadmin", "--query"], { timeoutMs: queryTimeoutMs });
    return code === 0 ? stdout : undefined;
  } catch (error) {
    if (error instanceof BlackstartError) return undefined; // Switched off meanwhile, or it hangs.
    throw error;
  }
}

/** The state of the cluster now; undefined while Pacemaker answers nowhere. */
export async function liveState(record: LabRecord): Promise<ClusterState | undefined> {
  try {
    return clusterState(await liveCib(record), shapeOf(record).resource);
  } catch (error) {
    if (error instanceof BlackstartError && error.code === "NOT_POSSIBLE_NOW") return undefined;
    throw error;
  }
}

/**
 * Puts one constraint in, in the place of the one with the same id, if there is one, in a single change.
 * @param xml e.g. `<rsc_colocation id="…" score="-50" rsc="…" with-rsc="…" with-rsc-role="Promoted"/>`
 */
export async function applyConstraint(record: LabRecord, xml: string): Promise<void> {
  const [wanted] = childrenOf(parseCib(`<cib>${xml}</cib>`, "The constraint").documentElement as Element);
  if (wanted === undefined) throw new Error("a constraint is one XML element");
  await replaceConstraint(record, idOf(wanted), wanted);
}

/** Takes one constraint out, by its id; one that is not there stays away. */
export async function removeConstraint(record: LabRecord, id: string): Promise<void> {
  await replaceConstraint(record, id, undefined);
}

async function replaceConstraint(record: LabRecord, id: string, wanted: Element | undefined): Promise<void> {
  const cib = parseCib(await liveCib(record), "The lab's own configuration");
  const constraints = sectionOf(cib, "constraints");
  for (const known of childrenOf(constraints)) if (idOf(known) === id) remove(known);
  if (wanted !== undefined) constraints.appendChild(cib.importNode(wanted, true));
  const replace = ["cibadmin", "--replace", "--scope", "constraints", "--xml-pipe"];
  await onDecidingHost(record, replace, xmlText(constraints));
}

const commandTimeoutMs = 60_000;

/** `crm` with these words, or one of Pacemaker's own programs, a line each, on the host that decides; returns when Pacemaker has nothing left to do. */
export async function crm(record: LabRecord, words: string): Promise<string> {
  const lines = words.split("\n").filter((line) => line.trim() !== "");
  let settled = true;
  for (const line of lines) {
    await onDecidingHost(record, ["sh", "-c", `exec ${commandLineOf(line)}`], "");
    ({ settled } = await waitUntilSettled(record, { timeoutMs: commandTimeoutMs }));
  }
  return `Said to Pacemaker: ${lines.map((line) => line.trim()).join("; ")}${settled ? "" : " (it is still at it)"}.`;
}

async function onDecidingHost(record: LabRecord, program: readonly string[], input: string): Promise<void> {
  const state = await liveState(record);
  const node =
    state?.nodes.find(({ name, online }) => online && name === state.coordinator) ??
    state?.nodes.find(({ online }) => online);
  if (node === undefined) throw nobodyDecides(record);
  await mustOnHost(record, node, program, { input, timeoutMs: commandTimeoutMs });
}

/** `settled`: Pacemaker has nothing left to do. What it has left undone is another question. */
export type Settled = Readonly<{ settled: boolean; state: ClusterState | undefined; tookMs: number }>;

/**
 * Waits until Pacemaker has decided and done what it decided, and what it wrote last is what it thinks still; at most
 * `timeoutMs`. A cluster in which nobody may become the primary settles as well.
 */
export async function waitUntilSettled(
  record: LabRecord,
  options: Readonly<{ timeoutMs: number; signal?: AbortSignal }>,
): Promise<Settled> {
  const started = performance.now();
  // A change is thought about a moment after it was made: at rest is who is so at three looks, one after the other.
  let looks = 0;
  const state = await pollUntil(
    async () => {
      const now = await settledState(record);
      looks = now === undefined ? 0 : looks + 1;
      return looks === 3 ? now : undefined;
    },
    { everyMs: 150, ...options },
  );
  return {
    settled: state !== undefined,
    state: state ?? (await liveState(record)),
    tookMs: performance.now() - started,
  };
}

async function settledState(record: LabRecord): Promise<ClusterState | undefined> {
  const state = await liveState(record);
  const { coordinator } = state ?? {};
  if (state === undefined || coordinator === undefined) return undefined;
  const { stdout } = await onHost(record, { name: coordinator }, ["crmadmin", "--status", coordinator], {
    timeoutMs: queryTimeoutMs,
  }).catch(() => ({ stdout: "" }) /* It was switched off meanwhile: another will decide. */);
  return /S_IDLE/.test(stdout) ? state : undefined;
}

/** Whether a client's write goes through the primary's virtual address now; how long it took, or why it does not. */
export async function writeThroughAddress(
  record: LabRecord,
  timeoutMs = 3000,
): Promise<Readonly<{ ok: true; tookMs: number } | { ok: false; why: string }>> {
  const started = performance.now();
  try {
    await withConnection(clientsUrl(record), { timeoutMs, queryTimeoutMs: timeoutMs }, (connection) =>
      connection.query("select pg_logical_emit_message(true, 'lab', 'write')"),
    );
    return { ok: true, tookMs: performance.now() - started };
  } catch (error) {
    if (error instanceof BlackstartError) return { ok: false, why: error.message };
    throw error;
  }
}

/** The clients' own path to the primary: through the virtual address that follows it. */
export function clientsUrl(record: LabRecord): string {
  return urlThrough(clientFolder(record, clientsVirtualAddress(record).resource), shapeOf(record).port);
}

/** Where replication has a virtual address of its own (`master_ip`), the clients have the other. */
export function clientsVirtualAddress(record: LabRecord): VirtualAddress {
  const { virtualAddresses, primaryAddress } = shapeOf(record);
  const following = virtualAddresses.filter(({ place }) => place === "primary");
  const own = following.find(({ address }) => address !== primaryAddress) ?? following[0];
  return own ?? (virtualAddresses.find(({ address }) => address === primaryAddress) as VirtualAddress);
}

export type Moment = Readonly<{ at: Instant; afterMs: number; state: ClusterState | undefined }>;

/** The state of the cluster each time it changes, beginning with what it is, until `forMs` are over. */
export async function* statesOverTime(
  record: LabRecord,
  options: Readonly<{ forMs: number; everyMs?: number; signal?: AbortSignal }>,
): AsyncGenerator<Moment> {
  const started = performance.now();
  let before: string | undefined;
  while (performance.now() - started < options.forMs) {
    const state = await liveState(record);
    const now = JSON.stringify(state);
    if (now !== before) yield { at: systemClock.now(), afterMs: performance.now() - started, state };
    before = now;
    await delay(options.everyMs ?? 200, options.signal);
  }
}

/** Pacemaker forgets what failed, everywhere or on one node, and looks again (`crm_resource --cleanup`). */
export async function forgetFailures(record: LabRecord, node?: string): Promise<void> {
  const where = node === undefined ? [] : ["--node", node];
  await onDecidingHost(record, ["crm_resource", "--cleanup", ...where], "");
}

/** Lets a cluster act that was started in maintenance mode. */
export async function endMaintenance(record: LabRecord): Promise<void> {
  await onDecidingHost(record, ["crm_attribute", "--name", "maintenance-mode", "--delete"], "");
}

function nobodyDecides(record: LabRecord): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `No host of the lab ${record.name} takes part in the cluster.`,
    why: "Pacemaker is not running, or has not begun yet.",
    next: "See `blackstart lab status`.",
  });
}
