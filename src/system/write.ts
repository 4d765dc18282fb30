import { writeFile } from "node:fs/promises";
import { BlackstartError, messageOf } from "../base/error.ts";

/** What a new system file says, found out or assumed; comments are lines without their `#`. */
export type SystemDraft = Readonly<{
  system: string;
  comments: readonly string[];
  clusters: readonly ClusterDraft[];
}>;

export type ClusterDraft = Readonly<{
  name: string;
  comments: readonly string[];
  manager: "none" | "patroni";
  managerComments: readonly string[];
  synchronous: number;
  synchronousComments: readonly string[];
  nodes: readonly NodeDraft[];
  /** The stanza's name. */
  pgbackrest?: string;
  backupComments: readonly string[];
}>;

export type NodeDraft = Readonly<{
  name: string;
  comments: readonly string[];
  /** With a reference in the place of its password. */
  url: string;
  host?: string;
  /** What `host` could be, for a comment. */
  hostSuggested: string;
  data?: string;
}>;

/** The text of the file. Every text in it is quoted, so none can be taken for something else. */
export function writeSystem(draft: SystemDraft): string {
  const lines = [
    ...comment(0, draft.comments),
    "",
    `system: ${quoted(draft.system)}`,
    "",
    "clusters:",
    ...draft.clusters.flatMap((cluster, index) => [...(index === 0 ? [] : [""]), ...clusterLines(cluster)]),
    "",
    ...comment(0, outlook),
  ];
  return `${lines.join("\n")}\n`;
}

/** Writes the file anew; one that is there already stays as it is unless `force` is given. */
export async function saveSystemFile(path: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    const isThere = (error as { code?: string }).code === "EEXIST";
    throw new BlackstartError("USAGE", {
      what: isThere ? `${path} is there already.` : `${path} cannot be written: ${messageOf(error)}`,
      why: isThere
        ? "It may hold what was written by hand."
        : "The folder is missing, or this user may not write there.",
      next: isThere ? "Move it away, name another file, or overwrite it with --force." : "Name another file.",
      details: { path },
      cause: error,
    });
  }
}

function clusterLines(cluster: ClusterDraft): readonly string[] {
  return [
    `  ${quotedName(cluster.name)}:`,
    ...comment(4, cluster.comments),
    ...comment(4, cluster.managerComments),
    `    manager: ${cluster.manager}`,
    ...comment(4, cluster.synchronousComments),
    `    synchronous: ${cluster.synchronous}`,
    "    nodes:",
    ...cluster.nodes.flatMap(nodeLines),
    ...comment(4, cluster.backupComments),
    ...(cluster.pgbackrest === undefined ? [] : [`    backups: { pgbackrest: ${quoted(cluster.pgbackrest)} }`]),
    ...comment(4, clusterOutlook),
  ];
}

function nodeLines(node: NodeDraft): readonly string[] {
  return [
    `      ${quotedName(node.name)}:`,
    ...comment(8, node.comments),
    `        url: ${quoted(node.url)}`,
    node.host === undefined ? `        # host: ${quoted(node.hostSuggested)}` : `        host: ${quoted(node.host)}`,
    ...(node.data === undefined ? [] : [`        data: ${quoted(escaped(node.data))}`]),
  ];
}

const clusterOutlook = [
  "How the clients find the primary; moved by a failover. One of:",
  'clients: { file: "/run/app/primary" }   # one line, host:port',
  'clients: { vip: "10.0.0.100/24" }',
  "What cuts a node off for good, where its host does not answer ($BLACKSTART_NODE holds its name):",
  'fence: "/usr/local/bin/power-off $BLACKSTART_NODE"',
  "objectives: { rpo: 5m, rto: 15m }",
];

const outlook = [
  "caches, services, features and invariants make it worth more; see docs/system-file.md. For example:",
  "",
  "services:",
  '  api: { probe: "http://10.0.0.7/health", needs: [NAME-OF-A-CLUSTER] }',
];

function comment(indent: number, lines: readonly string[]): readonly string[] {
  // A control character from a server's answer must not end the comment.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return lines.map((line) =>
    `${" ".repeat(indent)}# ${line.replace(/[\u0000-\u001F\u007F\u0085\u2028\u2029]/g, " ")}`.trimEnd(),
  );
}

/** A text from outside, in which nothing shall be taken for a reference. */
export function escaped(text: string): string {
  return text.replaceAll("${", () => "$${"); // As a text, `$$` would stand for one `$` here.
}

/** A JSON string is a YAML double-quoted scalar (YAML 1.2, chapter 1.3). */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function quotedName(name: string): string {
  // Words that YAML takes for something else, and numbers, stand in quotes.
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(name)
    ? name
    : quoted(name);
}
