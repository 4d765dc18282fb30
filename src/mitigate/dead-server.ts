import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
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
 * Its files in the order in which the server reads them, so that the last line wins: postgresql.conf, what it includes
 * (one level deep), postgresql.auto.conf, and last the command line.
 */
const readSettings = String.raw`
conf=$1 data=$2
cat -- "$conf" && echo || exit 1
cd "$(dirname "$conf")" || exit 1
sed -n "s/^[[:space:]]*include[a-z_]*[[:space:]=]*'\([^']*\)'.*/\1/p" "$conf" | while IFS= read -r included; do
  if [ -d "$included" ]; then cat -- "$included"/*.conf; else cat -- "$included"; fi 2>/dev/null
  echo
done
cat -- "$data/postgresql.auto.conf" && echo || exit 1
cat -- "$data/postmaster.opts" 2>/dev/null
exit 0
`;

/** In postmaster.opts: "-c" "synchronous_commit=off", or "--synchronous_commit=off". */
const onCommandLine = /"(?:--)?(synchronous_\w+)=([^"]*)"/g;

/** The synchronous settings in its files; undefined where they cannot be read. */
export async function configuredSynchronous(
  host: Host,
  dataDirectory: string,
  configFile: string | undefined,
): Promise<NodeFacts["configured"] | undefined> {
  try {
    const { code, stdout } = await host.run({
      script: readSettings,
      args: [configFile || join(dataDirectory, "postgresql.conf"), dataDirectory],
      as: dataDirectory,
      timeoutMs: readTimeoutMs,
    });
    if (code !== 0) return undefined;
    const settings = stdout.replace(onCommandLine, "\n$1 = '$2'\n");
    return {
      synchronousStandbyNames: settingIn(settings, "synchronous_standby_names") ?? "",
      synchronousCommit: settingIn(settings, "synchronous_commit") ?? "on",
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
    return end.kind === "end" && end.lsn > 0 ? lsnTextOf(end.lsn) : undefined;
  } catch {
    // Its WAL cannot be read: then the loss is stated as unknown, which needs to be accepted.
    return undefined;
  } finally {
    await files.close();
  }
}
