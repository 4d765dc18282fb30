import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverAccount } from "../account.ts";
import { copyTemplate } from "../copy-template.ts";
import type { LabOptions } from "../lab.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import type { Spares } from "../spares.ts";
import { configurationText, replicationConninfo, serverSettings } from "../settings.ts";
import { hasVolumes, useVolumes } from "../volumes.ts";

/** Copies the template once for each node and gives each copy its settings. */
export async function cloneNodes(
  record: LabRecord,
  template: string,
  { settings, nodeSettings, spares }: Pick<LabOptions, "settings" | "nodeSettings" | "spares">,
): Promise<void> {
  const extraOf = ({ name }: NodeRecord) => ({ ...settings, ...nodeSettings?.[name] });
  await Promise.all(record.nodes.map((node) => cloneNode(record, node, { template, spares }, extraOf(node))));
}

async function cloneNode(
  record: LabRecord,
  node: NodeRecord,
  { template, spares }: Readonly<{ template: string; spares: Spares | undefined }>,
  extra: Readonly<Record<string, string>>,
): Promise<void> {
  await copyTemplate(node, template, spares);
  if (hasVolumes(node)) await useVolumes(node);
  const account = serverAccount();
  const write = (name: string, text: string) => {
    const file = join(node.dataDirectory, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (account !== undefined) chownSync(file, account.uid, account.gid);
  };
  write("postgresql.conf", configurationText(settingsOf(record, node, extra)));
  if (node.role !== "primary") write("standby.signal", "");
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
