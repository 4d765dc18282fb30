import { execFile } from "node:child_process";
import { chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { serverAccount } from "../account.ts";
import { copyTemplate } from "../copy-template.ts";
import type { LabOptions } from "../lab.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { configurationText, replicationConninfo, serverSettings } from "../settings.ts";
import { hasVolumes, type Volume, volumesOf } from "../volumes.ts";

/** Copies the template once for each node and gives each copy its settings. */
export async function cloneNodes(
  record: LabRecord,
  template: string,
  { settings, nodeSettings }: Pick<LabOptions, "settings" | "nodeSettings">,
): Promise<void> {
  const extraOf = ({ name }: NodeRecord) => ({ ...settings, ...nodeSettings?.[name] });
  await Promise.all(record.nodes.map((node) => cloneNode(record, node, template, extraOf(node))));
}

async function cloneNode(
  record: LabRecord,
  node: NodeRecord,
  template: string,
  extra: Readonly<Record<string, string>>,
): Promise<void> {
  await copyTemplate(node, template);
  const account = serverAccount();
  if (hasVolumes(node)) await useVolumes(node);
  const write = (name: string, text: string) => {
    const file = join(node.dataDirectory, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (account !== undefined) chownSync(file, account.uid, account.gid);
  };
  write("postgresql.conf", configurationText(settingsOf(record, node, extra)));
  if (node.role !== "primary") write("standby.signal", "");
}

/**
 * The log goes to the disk that is made for it, as `initdb --waldir` has it. What stands for shared memory lies on no
 * disk that fails: it would let the server fail in a way that no other does.
 */
async function useVolumes(node: NodeRecord): Promise<void> {
  const disk = volumesOf(node).find(({ of }) => of === "wal") as Volume;
  for (const [name, folder] of [
    ["pg_wal", disk.mountPoint],
    ["pg_dynshmem", `${dirname(node.dataDirectory)}.memory`],
  ] as const) {
    const own = join(node.dataDirectory, name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    await promisify(execFile)("cp", ["-a", own, folder]);
    await rm(own, { recursive: true });
    symlinkSync(join(folder, name), own);
  }
}

function settingsOf(record: LabRecord, node: NodeRecord, extra: Readonly<Record<string, string>>) {
  const primary = record.nodes.find(({ role }) => role === "primary") as NodeRecord;
  const synchronous = record.nodes.filter(({ role }) => role === "synchronous").map(({ name }) => name);
  return serverSettings({
    major: Number.parseInt(record.version, 10),
    name: node.name,
    port: node.serverPort,
    durable: record.durable,
    synchronousStandbyNames:
      node === primary && synchronous.length > 0 ? `FIRST ${synchronous.length} (${synchronous.join(", ")})` : "",
    primaryConninfo:
      node === primary ? undefined : `${replicationConninfo(primary.port)} application_name=${node.name}`,
    extra,
  });
}
