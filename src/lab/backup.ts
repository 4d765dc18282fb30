import { execFile } from "node:child_process";
import { appendFileSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { BlackstartError } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";
import { localHost } from "../drivers/host/local.ts";
import { withConnection } from "../drivers/postgres/connection.ts";
import { copyFromRunning } from "../drivers/postgres/instance/copy-from-running.ts";
import { serverAccount } from "./account.ts";
import { archiveOf } from "./archive.ts";
import { addressFileOf, type LabRecord, type NodeRecord } from "./record.ts";
import { primaryReady, startServer } from "./server-start.ts";
import { isRunning, isStandby } from "./servers.ts";
import { endAll } from "./signals.ts";
import { serverProcessesIn } from "./processes.ts";

const timeoutMs = 60_000;

/** Takes a base backup of the primary, beside the nodes; the one before is gone then. */
export async function backUp(lab: LabRecord): Promise<{ done: string }> {
  const primary = primaryOf(lab);
  const folder = backupFolder(lab);
  rmSync(dirname(folder), { recursive: true, force: true });
  // What copies it writes beside it as well.
  for (const made of [dirname(folder), folder]) {
    mkdirSync(made, { mode: 0o700 });
    own(made);
  }
  const place = { ...placeOf(lab, primary), dataDirectory: folder };
  const source = { url: primary.ownUrl, replication: "", place: placeOf(lab, primary) };
  await copyFromRunning(place, source, folder, { timeoutMs });
  return { done: `Took a base backup of ${primary.name}.` };
}

/** Begins a new segment of the log and returns when everything before it is in the archive. */
export async function archiveLog(lab: LabRecord): Promise<{ done: string }> {
  const primary = primaryOf(lab);
  const folder = archiveOf(lab);
  if (folder === undefined)
    throw impossible(lab, "It has no archive.", "Make one that has: `blackstart lab up --archive`.");
  const segment = await withConnection(primary.ownUrl, { timeoutMs }, async (connection) => {
    // Nothing is switched where nothing was written; a mark makes sure that something was.
    await connection.query("select pg_logical_emit_message(false, 'blackstart', 'archive')");
    const [row] = await connection.query<{ segment: string }>("select pg_walfile_name(pg_switch_wal()) as segment");
    return row?.segment ?? "";
  });
  const there = await pollUntil(async () => (existsSync(join(folder, segment)) ? true : undefined), {
    everyMs: 5,
    timeoutMs,
  });
  if (!there)
    throw impossible(lab, `${segment} was not archived within ${timeoutMs / 1000} s.`, "See the primary's log.");
  return { done: `Archived the log up to ${segment}.` };
}

/**
 * Point-in-time recovery, as it is done when everything else is lost: every server is ended, the node's data are replaced by
 * the base backup, the archived log is replayed as far as it goes, and the clients are led there.
 */
export async function restore(lab: LabRecord, node: NodeRecord): Promise<{ done: string }> {
  const backup = backupFolder(lab);
  if (!existsSync(join(backup, "backup_label")))
    throw impossible(lab, "No base backup was taken.", "Take one while the primary works.");
  if (lab.manager.kind !== "streaming")
    throw impossible(
      lab,
      `${lab.manager.kind} would start its own servers again.`,
      "Restore in a lab without a manager.",
    );
  if (!(await endAll(() => lab.nodes.flatMap(({ dataDirectory }) => serverProcessesIn(dataDirectory)))))
    throw impossible(
      lab,
      "Not every server process ended within 10 s of SIGKILL: it hangs in the kernel, most likely on a disk.",
      "Heal its disks first; no data were touched.",
    );
  rmSync(node.dataDirectory, { recursive: true, force: true });
  await promisify(execFile)("cp", ["-a", backup, node.dataDirectory]);
  const write = (name: string, text: string) => {
    const file = join(node.dataDirectory, name);
    writeFileSync(file, text, { mode: 0o600 });
    own(file);
  };
  write("recovery.signal", "");
  // It is alone now, and listens where this node does.
  appendFileSync(
    join(node.dataDirectory, "postgresql.conf"),
    `port = ${node.serverPort}\ncluster_name = '${node.name}'\nsynchronous_standby_names = ''\n`,
  );
  await startServer({ name: node.name, binaries: lab.binaries, dataDirectory: node.dataDirectory }, primaryReady, {
    timeoutMs,
    signal: AbortSignal.timeout(timeoutMs + 1000),
  });
  writeFileSync(addressFileOf(lab), `127.0.0.1:${node.port}\n`);
  return { done: `Restored ${node.name} from the base backup and the archive; it has promoted itself.` };
}

function primaryOf(lab: LabRecord): NodeRecord {
  const primary = lab.nodes.find((node) => isRunning(node) && !isStandby(node));
  if (primary === undefined) throw impossible(lab, "No node of it is a primary now.", "Heal it, or promote a standby.");
  return primary;
}

/** Below the nodes' folder: it goes with them. */
function backupFolder(lab: LabRecord): string {
  return join(lab.nodesDirectory, "backup", "data");
}

function placeOf(lab: LabRecord, { name, dataDirectory }: NodeRecord) {
  const host = localHost();
  return {
    host,
    node: name,
    dataDirectory,
    configFile: undefined,
    binaries: lab.binaries,
    start: undefined,
    stop: undefined,
  };
}

function own(path: string): void {
  const account = serverAccount();
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}

function impossible({ name }: LabRecord, why: string, next: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", { what: `The lab ${name} cannot do this now.`, why, next });
}
