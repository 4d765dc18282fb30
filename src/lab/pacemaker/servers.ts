import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { type Account, serverAccount } from "../account.ts";
import { copyTemplate } from "../copy-template.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { logFileOf } from "../server-start.ts";
import { configurationText, serverSettings } from "../settings.ts";
import { runSingleUser, templateFor } from "../template.ts";
import { type ClusterShape, hostFolder } from "./configuration.ts";
import { onHost } from "./host.ts";
import { quoted } from "./host-files.ts";
import { folderOf, shapeOf } from "./places.ts";

const startTimeoutMs = 30_000;

/**
 * The data directories, and beside them what the agent keeps for itself, as they are in a cluster that has been running
 * for a while: so that Pacemaker, when it starts, finds a primary with its standbys and takes them over.
 */
export async function makeServers(record: LabRecord, extra: Readonly<Record<string, string>>): Promise<void> {
  const [primary, ...standbys] = record.nodes as [NodeRecord, ...NodeRecord[]];
  const template = await templateFor({ directory: record.binaries, version: record.version });
  await copyTemplate(primary, template);
  await addRoles(record, primary);
  await Promise.all(standbys.map((standby) => copyTemplate(standby, primary.dataDirectory)));
  for (const node of record.nodes) writeSettings(record, node, extra);
}

/** The roles that the configuration speaks of, where the template has not got them. */
async function addRoles(record: LabRecord, node: NodeRecord): Promise<void> {
  const { account, replicationRole } = shapeOf(record);
  const role = (name: string, rights: string) =>
    `do $$ begin if not exists (select from pg_roles where rolname = '${name}') then create role "${name}" ${rights} login; end if; end $$`;
  await runSingleUser({ directory: record.binaries }, node.dataDirectory, [
    role(account, "superuser"),
    role(replicationRole, "replication"),
  ]);
}

function writeSettings(record: LabRecord, node: NodeRecord, extra: Readonly<Record<string, string>>): void {
  const shape = shapeOf(record);
  const server = serverAccount() as Account;
  const write = (path: string, text: string) => {
    const file = join(folderOf(node), path);
    writeFileSync(file, text, { mode: 0o600 });
    chownSync(file, server.uid, server.gid);
  };
  const settings = serverSettings({
    major: Number.parseInt(record.version, 10),
    name: node.name,
    port: shape.port,
    durable: record.durable,
    synchronousStandbyNames: "",
    primaryConninfo: undefined,
    extra: { listen_addresses: "*", unix_socket_directories: `${hostFolder}/socket`, ...extra },
  });
  const include = (file: string) => `include '${hostFolder}/tmp/${file}' # added by pgsql RA\n`;
  // The agent looks for these very lines, and adds them where they are not.
  const includes = include("recovery.conf") + (shape.synchronous ? include("rep_mode.conf") : "");
  write("data/postgresql.conf", configurationText(settings) + includes);
  write("data/pg_hba.conf", accessRules);
  write("tmp/recovery.conf", recoveryText(shape, node.name));
  const synchronous = shape.nodes.find(({ role }) => role === "synchronous")?.name;
  const isPrimary = node.role === "primary";
  if (shape.synchronous)
    write("tmp/rep_mode.conf", `synchronous_standby_names = '${isPrimary ? `"${synchronous}"` : ""}'\n`);
  // Made by the agent when it promotes: whoever has it does not start by itself after a crash.
  if (isPrimary) write("tmp/PGSQL.lock", "");
  else write("data/standby.signal", "");
}

/** As the agent writes it (`make_recovery_conf`). */
function recoveryText({ primaryAddress, port, replicationRole, conninfoOptions }: ClusterShape, name: string): string {
  return [
    `primary_conninfo = 'host=${primaryAddress} port=${port} user=${replicationRole} application_name=${name} ${conninfoOptions}'`,
    "restore_command = ''",
    "recovery_target_timeline = 'latest'",
    "",
  ].join("\n");
}

/** Nobody else is in the hosts' network, or can enter the folder of the socket. */
const accessRules = ["local", "host"]
  .flatMap((kind) =>
    ["all", "replication"].map((what) => [kind, what, "all", kind === "host" ? "samenet" : "", "trust"]),
  )
  .map((fields) => `${fields.filter(Boolean).join(" ")}\n`)
  .join("");

/** Starts a server as the agent does, by the same command, and waits until it answers. */
export async function startServerOn(record: LabRecord, node: NodeRecord): Promise<void> {
  const { account } = shapeOf(record);
  const log = `${hostFolder}/${logFileOf("data")}`;
  const command = [
    `cd ${hostFolder}/data;`,
    `${quoted(join(record.binaries, "pg_ctl"))} -D ${hostFolder}/data -l ${log}`,
    `-o '-c config_file=${hostFolder}/data/postgresql.conf' -w -t ${startTimeoutMs / 1000} start`,
  ].join(" ");
  const { code } = await onHost(record, node, ["runuser", account, "-c", command], {
    timeoutMs: startTimeoutMs + 5000,
  });
  if (code === 0) return;
  const said = readFileSync(logFileOf(node.dataDirectory), "utf8").trim().split("\n").slice(-8);
  throw new BlackstartError("LAB_FAILED", {
    what: `The server ${node.name} did not start.`,
    why: `Its log says: ${said.join(" / ") || "nothing"}`,
    next: "If the log names a setting, leave it out; if it names memory or disk, make room.",
  });
}
