import type { LabRecord } from "./record.ts";

/** The blackstart.yaml that describes a lab. Paths are quoted: they may hold a space. Pure. */
export function systemFileText(lab: LabRecord, addressFile: string): string {
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
    `    clients: { file: ${quoted(addressFile)} }`,
    "",
  ].join("\n");
}

/** How another node replicates from the one at this port. */
export function replicationConninfo(port: number): string {
  return `host=127.0.0.1 port=${port} user=replicator`;
}

/** A JSON string is a YAML double-quoted scalar (YAML 1.2, 1.3). */
function quoted(text: string): string {
  return JSON.stringify(text);
}
