import { constants } from "node:fs";
import { chown, copyFile, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { findWalFiles, foundWalFiles } from "../archive/named-files.ts";
import type { WalRecord } from "../record.ts";
import { openWalDirectory } from "../segments.ts";
import { readSegment, type SegmentBytes } from "../show/segment-bytes.ts";
import { type Damage, damaged, findRecord, planDamage, refusePacked } from "./damage.ts";
import { runningServerOf } from "./running.ts";
import { type Verdict, verdictOn } from "./verdict.ts";

export type DamageFileRequest = Readonly<{
  file: string;
  /** Where it begins, or what holds for it: then the first such record in the file. */
  record: number | ((record: WalRecord) => boolean);
  /** As `wal show` calls it. */
  field: string;
  /** See `valueBytes`. Default: something that is wrong. */
  value?: string;
  /** Where the damaged copy goes; the file stays as it is. Default: the file itself, of which a copy is kept. */
  out?: string;
  /** Do it although a server that runs may read this file. */
  acceptRunning?: boolean;
}>;

export type DamagedFile = Readonly<{
  damage: Damage;
  verdict: Verdict;
  version: number;
  /** What is damaged now. */
  written: string;
  /** The undamaged content. */
  original: string;
}>;

/**
 * Damages one field of one record of a segment, on purpose. Nothing is lost: the undamaged file stays, or a copy of it
 * is on disk beside it before the first byte is changed.
 * @throws USAGE, WAL_UNREADABLE; REFUSED for a file of a server that runs
 */
export async function damageFile(request: DamageFileRequest): Promise<DamagedFile> {
  const { file, out } = request;
  const segment = await readSegment(file);
  refusePacked(segment, (await stat(file)).size);
  const lsn = await placeOf(segment, request.record);
  const { field, value } = request;
  const damage = planDamage(segment, { lsn, field, ...(value === undefined ? {} : { value }) });
  if (out === undefined && request.acceptRunning !== true) await refuseRunning(file);
  const verdict = await verdictFor(segment, damaged(segment.bytes, damage));
  const version = segment.header.version;
  if (out === undefined) {
    const original = await keepCopy(file);
    await change(file, damage);
    return { damage, verdict, version, written: file, original };
  }
  await copyTo(file, out).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EEXIST" ? alreadyThere(out) : error;
  });
  await change(out, damage);
  return { damage, verdict, version, written: out, original: file };
}

async function placeOf(segment: SegmentBytes, record: DamageFileRequest["record"]): Promise<number> {
  if (typeof record === "number") return record;
  const lsn = findRecord(segment, record);
  if (lsn !== undefined) return lsn;
  throw new BlackstartError("USAGE", {
    what: `${segment.path} has no such record.`,
    why: "None of its records is what was asked for.",
    next: `Look at them: \`blackstart wal dump ${segment.path}\`.`,
  });
}

/** The segments beside it tell more: what lies before the first record, and what will be lost behind it. */
async function verdictFor(segment: SegmentBytes, content: Uint8Array): Promise<Verdict> {
  for (const place of [dirname(segment.path), segment.path]) {
    const files = foundWalFiles(await findWalFiles([place]), place);
    try {
      const directory = await openWalDirectory(files);
      if (directory.segments.some(({ name }) => name === segment.name))
        return await verdictOn(directory, segment.name, content);
    } catch (error) {
      if (!(error instanceof BlackstartError) || place === segment.path) throw error;
    } finally {
      await files.close();
    }
  }
  return { commitsLost: 0 };
}

async function refuseRunning(file: string): Promise<void> {
  const server = await runningServerOf(file);
  if (server === undefined) return;
  throw new BlackstartError("REFUSED", {
    what: `${file} belongs to a server that runs (${server.dataDirectory}, process ${server.pid}).`,
    why: "It may need this log: damaged, its data may be beyond recovery after the next crash.",
    next: "Damage a copy with `--out FILE`; or stop the server first. `--accept-running` does it all the same.",
    details: { ...server },
  });
}

/** Beside it, under the first name that is free. */
async function keepCopy(file: string): Promise<string> {
  for (let number = 1; number <= 1000; number++) {
    const name = `${file}.before-damage${number === 1 ? "" : `-${number}`}`;
    try {
      await copyTo(file, name);
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw alreadyThere(`${file}.before-damage`);
}

/** On disk when it resolves; never over another file. */
async function copyTo(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL);
  const { uid, gid } = await stat(from);
  if (process.getuid?.() === 0) await chown(to, uid, gid);
  const handle = await open(to, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function change(file: string, { changes }: Damage): Promise<void> {
  const handle = await open(file, "r+");
  try {
    for (const { at, bytes } of changes) await handle.write(bytes, 0, bytes.length, at);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function alreadyThere(path: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `${path} is there already.`,
    why: "Nothing is ever written over; nothing was changed.",
    next: "Choose another name, or move that file away.",
  });
}
