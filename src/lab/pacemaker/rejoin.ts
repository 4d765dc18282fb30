import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { answers, isRunning } from "../servers.ts";
import { forgetFailures, liveState, waitUntilSettled } from "./cluster.ts";
import { hostFolder } from "./configuration.ts";
import { hostProcess, mustOnHost } from "./host.ts";
import { quoted } from "./host-files.ts";
import { folderOf, shapeOf } from "./places.ts";

const settleTimeoutMs = 30_000;
const rejoinTimeoutMs = 60_000;
const ownFiles = ["postgresql.conf", "pg_hba.conf"];

/** The agent has marked it as the primary, and will not start it again by itself. */
export function isLockedOut(node: NodeRecord): boolean {
  return existsSync(lockOf(node)) && !isRunning(node);
}

function lockOf(node: NodeRecord): string {
  return join(folderOf(node), "tmp", "PGSQL.lock");
}

/**
 * What somebody does by hand for a former primary when its machine is there again: makes its data anew from the present
 * primary, takes the agent's lock away and lets Pacemaker forget that the start failed. Where there is no primary, the
 * data is left as it is, because it may be the newest. Answers in words what was done; undefined: nothing needed to be.
 */
export async function bringBack(record: LabRecord, nodes: readonly NodeRecord[]): Promise<string | undefined> {
  const on = nodes.filter((node) => hostProcess(record, node) !== undefined);
  if (on.length === 0) return undefined;
  await allTakePart(record, on);
  const locked = on.filter(isLockedOut);
  if (locked.length === 0) return undefined;
  const names = locked.map(({ name }) => name).join(", ");
  const state = await liveState(record);
  const primary = state?.nodes.find(({ status, online }) => online && status === "PRI")?.name;
  for (const node of locked) {
    if (primary !== undefined) await cloneFromPrimary(record, node);
    rmSync(lockOf(node), { force: true });
  }
  await forgetFailures(record);
  await running(record, locked);
  return [
    ...(primary === undefined ? [] : [`Made the data of ${names} anew from ${primary}.`]),
    `Removed the agent's PGSQL.lock on ${names} and let Pacemaker forget what failed.`,
  ].join(" ");
}

/** What a node is to be judged by is what Pacemaker has made of its return. */
async function allTakePart(record: LabRecord, nodes: readonly NodeRecord[]): Promise<void> {
  await pollUntil(
    async () => {
      const state = await liveState(record);
      return nodes.every(({ name }) => state?.nodes.find((node) => node.name === name)?.online) ? true : undefined;
    },
    { everyMs: 100, timeoutMs: settleTimeoutMs },
  );
  await waitUntilSettled(record, { timeoutMs: settleTimeoutMs });
}

async function cloneFromPrimary(record: LabRecord, node: NodeRecord): Promise<void> {
  const { account, primaryAddress, port } = shapeOf(record);
  const kept = (file: string) => join(folderOf(node), `${file}.kept`);
  // Not there: an attempt before this one came so far, and no further.
  for (const file of ownFiles)
    if (existsSync(join(node.dataDirectory, file))) renameSync(join(node.dataDirectory, file), kept(file));
  rmSync(node.dataDirectory, { recursive: true, force: true });
  const program = quoted(join(record.binaries, "pg_basebackup"));
  const command = `cd / && ${program} -D ${hostFolder}/data -h ${primaryAddress} -p ${port} -U blackstart -c fast -X stream`;
  await mustOnHost(record, node, ["runuser", account, "-c", command], { timeoutMs: rejoinTimeoutMs });
  for (const file of ownFiles) renameSync(kept(file), join(node.dataDirectory, file));
}

async function running(record: LabRecord, nodes: readonly NodeRecord[]): Promise<void> {
  const answer = await pollUntil(
    async () => ((await Promise.all(nodes.map(answers))).every(Boolean) ? true : undefined),
    { everyMs: 100, timeoutMs: rejoinTimeoutMs },
  );
  if (answer) return;
  throw new BlackstartError("LAB_FAILED", {
    what: `Pacemaker did not start ${nodes.map(({ name }) => name).join(", ")} again within ${rejoinTimeoutMs / 1000} s.`,
    why: "Its lock is gone, and what failed is forgotten; something else keeps it.",
    next: `See crm_mon -1 --failcounts on a host, and ${nodes.flatMap(({ logs }) => logs)[0] ?? "its log"}.`,
    details: { lab: record.name },
  });
}
