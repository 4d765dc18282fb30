import type { WalFiles } from "../files.ts";
import { resourceManager } from "../format.ts";
import { readWal } from "../reader.ts";
import type { WalDirectory } from "../segments.ts";
import { transactionEvent } from "../transactions.ts";

/** What PostgreSQL will make of damaged log. */
export type Verdict = Readonly<{
  /** The line in its log, word for word, and where it will stop; undefined when it will not notice. */
  stops?: Readonly<{ says: string; lsn: number }>;
  /** Transactions whose commit lies there or behind it, as far as was looked (`lookBytes`). */
  commitsLost: number;
}>;

/** So much log behind the damage is looked at. */
const lookBytes = 256 * 1024 * 1024;

/**
 * Reads the log as PostgreSQL will, from the segment before the damaged one on: each record is held against the one
 * before it. What it says is `xlogreader.c`'s text, so the same line stands in the server's log.
 * @param directory the log around it, as it was; @param name the damaged segment, @param content what it holds now
 */
export async function verdictOn(directory: WalDirectory, name: string, content: Uint8Array): Promise<Verdict> {
  const index = directory.segments.findIndex((segment) => segment.name === name);
  const count = Math.ceil(lookBytes / directory.segmentBytes);
  const segments = directory.segments.slice(Math.max(0, index - 1), index + count);
  const original = { ...directory, segments };
  const read = { ...original, files: withContent(directory.files, name, content) };
  const end = await readWal(read, {}, () => undefined);
  let commitsLost = 0;
  const whole = await readWal(original, {}, (record) => {
    if (record.lsn < end.lsn || record.resourceManager !== resourceManager.transaction || !record.decode()) return;
    if (transactionEvent(record, directory.version)?.kind === "commit") commitsLost++;
  });
  // It ends there without the damage, too.
  if (whole.lsn === end.lsn && whole.reason === end.reason) return { commitsLost: 0 };
  return { stops: { says: end.reason, lsn: end.lsn }, commitsLost };
}

function withContent(files: WalFiles, name: string, content: Uint8Array): WalFiles {
  return {
    ...files,
    async read(each, offset, into) {
      if (each !== name) return files.read(each, offset, into);
      const part = content.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
}
