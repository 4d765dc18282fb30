import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
import type { Host } from "../drivers/host/host.ts";
import type { Instance } from "../drivers/postgres/instance.ts";
import { type Lsn, lsnAhead } from "../drivers/postgres/lsn.ts";
import { localWalFiles } from "../wal/files.ts";
import { lsnNumberOf, lsnTextOf } from "../wal/format.ts";
import { readWal } from "../wal/reader.ts";
import { openWalDirectory } from "../wal/segments.ts";
import { type ClusterFacts, type NodeFacts, receivedLsn, standbysOf } from "./cluster-facts.ts";

/* What can be read of a server that does not answer, from its files. */

const readTimeoutMs = 3000;

/**
 * The synchronous settings in its configuration files; the last line wins, and postgresql.auto.conf is read last.
 * Undefined where the files cannot be read. `include` is not followed: then what was promised may be more than what is
 * found here, which is why nothing found counts as nothing promised.
 */
export async function configuredSynchronous(
  host: Host,
  instance: Instance,
  node: NodeFacts,
): Promise<NodeFacts["configured"] | undefined> {
  const files = [
    node.remembered?.configFile ?? join(instance.dataDirectory, "postgresql.conf"),
    join(instance.dataDirectory, "postgresql.auto.conf"),
  ];
  try {
    const { code, stdout } = await host.run({
      script: 'cat -- "$1" && echo && cat -- "$2"',
      args: files,
      as: instance.dataDirectory,
      timeoutMs: readTimeoutMs,
    });
    if (code !== 0) return undefined;
    return {
      synchronousStandbyNames: settingIn(stdout, "synchronous_standby_names") ?? "",
      synchronousCommit: settingIn(stdout, "synchronous_commit") ?? "on",
    };
  } catch (error) {
    // The host went away meanwhile: what was promised stays unknown, and a plan that needs it is refused.
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}

/** The value of the last line that sets it. */
export function settingIn(configuration: string, name: string): string | undefined {
  const line = new RegExp(`^[ \\t]*${name}[ \\t]*=?[ \\t]*(?:'((?:[^']|'')*)'|([^\\s#']+))`, "gim");
  const last = [...configuration.matchAll(line)].at(-1);
  return last === undefined ? undefined : (last[1]?.replaceAll("''", "'") ?? last[2]);
}

/**
 * Where its log ends, read from where the furthest standby is. Only on this machine, and only of a server without any
 * process; undefined where it cannot be told.
 */
export async function writtenUpTo(host: Host, instance: Instance, facts: ClusterFacts): Promise<Lsn | undefined> {
  const received = standbysOf(facts)
    .map(receivedLsn)
    .sort((a, b) => lsnAhead(b, a))[0];
  if (host.reference !== "local:" || received === undefined) return undefined;
  const files = localWalFiles(join(instance.dataDirectory, "pg_wal"));
  try {
    const directory = await openWalDirectory(files);
    const end = await readWal(
      directory,
      { from: lsnNumberOf(received), signal: AbortSignal.timeout(readTimeoutMs) },
      () => {},
    );
    return end.kind === "end" && end.lsn > 0 ? lsnTextOf(end.lsn) : undefined;
  } catch {
    // Its log cannot be read: then the loss is stated as unknown, which needs to be accepted.
    return undefined;
  } finally {
    await files.close();
  }
}
