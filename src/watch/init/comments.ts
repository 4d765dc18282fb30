import type { DiscoveredCluster, DiscoveredNode } from "../../drivers/postgres/discover-standbys.ts";
import type { NodeFacts } from "../../drivers/postgres/node-facts.ts";
import {
  isSynchronousName,
  parseSynchronousNames,
  type SynchronousNames,
} from "../../drivers/postgres/synchronous-names.ts";

/* What was found out, in words for the file's comments; and what it means for the values there. */

export function clusterSays({ nodes, notes }: DiscoveredCluster): readonly string[] {
  const asked = nodes.map(({ facts }) => facts).filter((facts) => facts !== null);
  const versions = [...new Set(asked.map(({ visible, version }) => visible.server_version ?? String(version)))];
  const primaries = asked.filter(({ role }) => role === "primary").length;
  return [
    `PostgreSQL ${versions.join(" and ")}, system identifier ${asked[0]?.systemIdentifier ?? "unknown"}.`,
    ...(versions.length > 1 ? ["Its servers run different versions."] : []),
    ...(primaries === 0 ? ["No primary was found: none of the servers that were asked is one."] : []),
    ...(primaries > 1
      ? [`${primaries} of its servers are primaries at the same time. Only one may be: see to it first.`]
      : []),
    ...notes.map((note) => `Note: ${note}.`),
  ];
}

export function nodeSays({ facts, applicationName, doubts }: DiscoveredNode): readonly string[] {
  if (facts === null) return doubts.map((doubt) => `NOT SURE: ${doubt}.`);
  const name = applicationName === null ? "" : `, streams as “${applicationName}”`;
  const slots = facts.slots.map(({ name, kind, active }) => `${name} (${kind}${active ? "" : ", not in use"})`);
  return [
    facts.role === "primary" ? "The primary when this was written." : `A standby when this was written${name}.`,
    ...(slots.length === 0 ? [] : [`Replication slots: ${slots.join(", ")}.`]),
    ...(facts.settings.dataDirectory === ""
      ? [`Its data directory is not known: ${facts.user} may not see it (grant pg_monitor).`]
      : []),
    ...(facts.visible.data_checksums === "off" && facts.visible.wal_log_hints === "off"
      ? ["Neither data checksums nor wal_log_hints: pg_rewind cannot bring it back, only a fresh copy."]
      : []),
    ...doubts.map((doubt) => `NOT SURE: ${doubt}.`),
  ];
}

export function managerOf({ nodes }: DiscoveredCluster): { value: "none" | "patroni"; comments: readonly string[] } {
  return nodes.some(({ facts }) => facts?.patroni)
    ? { value: "patroni", comments: ["Connections of Patroni were seen."] }
    : { value: "none", comments: ["No Patroni was seen. If something else fails over (patroni, pacemaker), say so."] };
}

/** How many standbys a commit waits for, as far as the file can say so. */
export function synchronousOf(
  { nodes }: DiscoveredCluster,
  nodeNames: readonly string[],
): { value: number; comments: readonly string[]; notes: readonly string[] } {
  const primary = nodes.find(({ facts }) => facts?.role === "primary")?.facts;
  if (!primary) return { value: 0, comments: ["Not known: there was no primary to be asked."], notes: [] };
  const { synchronousStandbyNames: setting, synchronousCommit } = primary.settings;
  const parsed = parsedNames(setting);
  if (parsed === undefined)
    return setting === ""
      ? {
          value: 0,
          comments: ["synchronous_standby_names is empty: the latest writes can be lost in a failover."],
          notes: [],
        }
      : { value: 0, comments: [`synchronous_standby_names could not be understood: ${setting}`], notes: [] };
  const said = `synchronous_standby_names = ${setting}`;
  if (synchronousCommit === "off" || synchronousCommit === "local") {
    const note = `synchronous_standby_names is set, but synchronous_commit = ${synchronousCommit}: commits wait for no standby.`;
    return { value: 0, comments: [said, note], notes: [note] };
  }
  const value = Math.min(parsed.count, nodes.length - 1);
  const notes = synchronousNotes(parsed, primary, value);
  return { value, comments: [`${said}: ${inWords(parsed, nodeNames)}`, ...notes], notes };
}

function synchronousNotes(parsed: SynchronousNames, primary: NodeFacts, value: number): readonly string[] {
  const here = primary.standbys.filter(({ applicationName }) => isSynchronousName(parsed, applicationName)).length;
  return [
    ...(here < parsed.count
      ? [
          `Commits wait for ${parsed.count} of these standbys, but ${here === 0 ? "none streams" : `only ${here} stream`} at present: commits hang.`,
        ]
      : []),
    ...(value < parsed.count
      ? [`The setting asks for more standbys (${parsed.count}) than were found (${value}).`]
      : []),
  ];
}

function parsedNames(setting: string): SynchronousNames | undefined {
  try {
    return parseSynchronousNames(setting);
  } catch {
    return undefined; // Told in the comment: the server takes what we do not understand.
  }
}

function inWords({ method, count, names }: SynchronousNames, nodeNames: readonly string[]): string {
  const list = names.includes("*") ? "all standbys" : names.join(", ");
  const unknown = names.filter(
    (name) => name !== "*" && !nodeNames.some((node) => node.toLowerCase() === name.toLowerCase()),
  );
  const how = method === "any" ? `any ${count} of` : `the first ${count} of`;
  return `${how} ${list}${unknown.length === 0 ? "" : ` (not seen: ${unknown.join(", ")})`}`;
}

/** The command itself is not shown: it may hold a secret. */
export function archiveOf({ nodes }: DiscoveredCluster): { pgbackrest?: string; comments: readonly string[] } {
  const primary = (nodes.find(({ facts }) => facts?.role === "primary") ?? nodes.find(({ facts }) => facts !== null))
    ?.facts;
  const visible = primary?.visible ?? {};
  const mode = visible.archive_mode;
  if (mode === undefined) return { comments: ["Whether it archives its write-ahead log could not be seen."] };
  if (mode === "off") return { comments: ["archive_mode = off: there is no restore to a point in time."] };
  const command = visible.archive_command ?? "";
  const stanza = /\bpgbackrest\b.*--stanza[= ]["']?([\w.-]+)/.exec(command)?.[1];
  if (stanza !== undefined) return { pgbackrest: stanza, comments: [`archive_mode = ${mode}, by pgBackRest.`] };
  const tool = /\b(pgbackrest|wal-g|wal-e|barman|pgmoneta|rsync|cp)\b/.exec(command)?.[1];
  const how = tool ?? (visible.archive_library ? `the library ${visible.archive_library}` : undefined);
  return {
    comments: [
      how === undefined && command === ""
        ? `archive_mode = ${mode}, but no archive_command can be seen.`
        : `archive_mode = ${mode}, by ${how ?? "a command of its own"}.`,
    ],
  };
}
