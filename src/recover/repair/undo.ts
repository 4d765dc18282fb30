import { BlackstartError } from "../../base/error.ts";
import { delay, systemClock } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { type BeforeImageHeader, readBeforeImage, writeBeforeImage } from "./before-image.ts";
import { assertPutBack } from "./difference.ts";
import { repairLimits, retried } from "./limits.ts";
import { assignedXid, makeXidDurable, serverIdentity } from "./proof.ts";
import type { Changes } from "./put-back.ts";
import { beginBoth } from "./snapshot.ts";
import { readCounts } from "./touched.ts";
import { inMode, mayReplica, type UndoMode } from "./undo-trial.ts";

export type UndoReport = Readonly<{ restored: number; mode: UndoMode }>;

/** How it is made sure that it can be told afterwards whether the undoing was committed. */
export type UndoProof = Readonly<{
  /** Another connection to the same server. */
  observer: Connection;
  /** The undoing's own before-image. */
  file: string;
  /** Called right before the commit. */
  assertHeld(): Promise<void>;
}>;

type Image = Readonly<{ header: BeforeImageHeader; changes: readonly Changes[] }>;

/** For a row that somebody else holds: it is undone once, so it may wait longer than a dry run. */
const lockTimeoutMs = 5000;
const timeoutMs = 55_000;

/**
 * Makes every row again what it was before a repair, in one transaction, and sees that nothing else was changed by it. A
 * row that was changed since is not overwritten: the undo is refused as a whole.
 *
 * Triggers and foreign keys stay on at first. Where they get in the way (the effects of triggers are in the image as
 * well, and would come twice), it is tried again without them, if the role may.
 */
export async function undoRepair(connection: Connection, file: string, proof: UndoProof): Promise<UndoReport> {
  const image = await loadImage(file);
  try {
    return await undoPatiently(connection, image, proof, "normal");
  } catch (error) {
    if (!(error instanceof BlackstartError) || error.code === "UNREACHABLE") throw error;
    if (!(await mayReplica(connection))) throw error;
    return await undoPatiently(connection, image, proof, "replica");
  }
}

async function loadImage(file: string): Promise<Image> {
  const tables = new Map<string, Changes>();
  let header: BeforeImageHeader | undefined;
  for await (const line of readBeforeImage(file)) {
    if (line.kind === "repair") {
      header = line;
      for (const table of line.tables) tables.set(table.name, { table, before: [], after: [] });
    } else if (line.kind === "before" || line.kind === "after") tables.get(line.table)?.[line.kind].push(line.row);
  }
  if (header === undefined) throw new Error(`${file} has no header`);
  return { header, changes: [...tables.values()].filter(({ before, after }) => before.length + after.length > 0) };
}

/** What the undoing changes is what the repair changed, the other way round. */
async function keepProof(connection: Connection, { header, changes }: Image, proof: UndoProof): Promise<void> {
  const writer = await writeBeforeImage(proof.file);
  try {
    const xid = (await assignedXid(connection)) ?? "";
    await writer.write({ ...header, ...(await serverIdentity(connection)), at: systemClock.now(), xid });
    for (const { table, before, after } of changes) {
      for (const row of after) await writer.write({ kind: "before", table: table.name, row });
      for (const row of before) await writer.write({ kind: "after", table: table.name, row });
    }
    await makeXidDurable(proof.observer, header.plan);
    await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** Again where somebody else was at the same rows at that moment. */
async function undoPatiently(...work: Parameters<typeof undoOnce>): Promise<UndoReport> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await undoOnce(...work);
    } catch (error) {
      const sqlstate = error instanceof BlackstartError ? error.details.sqlstate : undefined;
      if (sqlstate === "55P03" || !retried.has(String(sqlstate)) || attempt >= repairLimits.attempts) throw error;
      await delay(50 * attempt);
    }
  }
}

async function undoOnce(connection: Connection, image: Image, proof: UndoProof, mode: UndoMode): Promise<UndoReport> {
  const { observer } = proof;
  try {
    const { xmax } = await beginBoth(connection, observer, { timeoutMs, lockTimeoutMs });
    const counts = await readCounts(connection);
    const restored = await inMode(connection, mode, image.changes);
    const limits = { scanBytesMax: Number.POSITIVE_INFINITY, rowsMax: Number.POSITIVE_INFINITY, timeoutMs };
    await assertPutBack(connection, observer, { xmax, counts }, image.changes, limits);
    await observer.query("rollback");
    await keepProof(connection, image, proof);
    await proof.assertHeld();
    await connection.query("commit");
    return { restored, mode };
  } finally {
    // After the commit there is nothing to roll back; if the connection is gone, so is the transaction.
    await Promise.all([connection, observer].map((each) => each.query("rollback").catch(() => undefined)));
  }
}
