import { managerOf } from "./managers.ts";
import type { LabRecord } from "./record.ts";
import { replicationConninfo } from "./settings.ts";

/** The blackstart.yaml that describes a lab. Paths are quoted: they may hold a space. Pure. */
export function systemFileText(lab: LabRecord): string {
  const synchronous = lab.nodes.filter(({ role }) => role === "synchronous").length;
  const nodes = lab.nodes.flatMap((node) => [
    `      ${node.name}:`,
    `        url: ${quoted(node.url)}`,
    '        host: "local:"',
    `        data: ${quoted(node.dataDirectory)}`,
    `        binaries: ${quoted(lab.binaries)}`,
    `        replication: ${quoted(replicationConninfo(node.port))}`,
    "        expendable: true",
  ]);
  return [
    `# The lab cluster ${lab.name}, PostgreSQL ${lab.version}, on this machine. It is here to be broken.`,
    `system: ${quoted(lab.name)}`,
    "",
    "clusters:",
    "  ledger:",
    `    synchronous: ${synchronous}`,
    "    nodes:",
    ...nodes,
    ...managerOf(lab)
      .systemLines(lab)
      .map((line) => `    ${line}`),
    "",
  ].join("\n");
}

/** A JSON string is a YAML double-quoted scalar (YAML 1.2, 1.3). */
function quoted(text: string): string {
  return JSON.stringify(text);
}
