import { join } from "node:path";
import type { Host } from "../drivers/host/host.ts";
import type { Instance } from "../drivers/postgres/instance.ts";
import type { Lsn } from "../drivers/postgres/lsn.ts";
import { localWalFiles } from "../wal/files.ts";
import { lsnNumberOf, lsnTextOf } from "../wal/format.ts";
import { readWal } from "../wal/reader.ts";
import { openWalDirectory } from "../wal/segments.ts";
import { type ClusterFacts, type NodeFacts, receivedLsn } from "./cluster-facts.ts";
import { currentStandbysOf, lineOf } from "./old-primary.ts";

/* What can be read of a server that does not answer, from its files. */

const readTimeoutMs = 3000;

/**
 * Where its WAL ends, read from where the furthest standby on its line is. Only on this machine, and only of a server
 * without any process; undefined where it cannot be told.
 */
export async function writtenUpTo(
  host: Host,
  instance: Instance,
  facts: ClusterFacts,
  primary: NodeFacts,
): Promise<Lsn | undefined> {
  const [furthest] = currentStandbysOf(facts, primary);
  const line = lineOf(primary);
  if (host.reference !== "local:" || furthest === undefined || line === undefined) return undefined;
  const files = localWalFiles(join(instance.dataDirectory, "pg_wal"));
  try {
    const directory = await openWalDirectory(files, { timeline: line.timelineId });
    const end = await readWal(
      directory,
      { from: lsnNumberOf(receivedLsn(furthest)), signal: AbortSignal.timeout(readTimeoutMs) },
      () => {},
    );
    // Where the files are used up to their last byte, more may have been written than is here.
    return end.kind === "end" && end.usedUp !== true && end.lsn > 0 ? lsnTextOf(end.lsn) : undefined;
  } catch {
    // Its WAL cannot be read: then the loss is stated as unknown, which needs to be accepted.
    return undefined;
  } finally {
    await files.close();
  }
}
