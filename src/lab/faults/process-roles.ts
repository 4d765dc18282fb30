import type { ProcessEntry } from "../../drivers/postgres/instance/processes.ts";

export type ServerProcess = Readonly<{ pid: number; started: string; state: string; role: string }>;

/** The titles that PostgreSQL 13 to 18 gives its processes (`init_ps_display`); a role's name is the title, hyphenated. */
const titles = [
  "archiver",
  "autovacuum launcher",
  "autovacuum worker",
  "background writer",
  "checkpointer",
  "io worker",
  "logger",
  "logical replication launcher",
  "parallel worker",
  "slotsync worker",
  "startup",
  "stats collector",
  "walreceiver",
  "walsummarizer",
  "walwriter",
];
const roleOf = (title: string) => title.replaceAll(" ", "-");

/** Every role that a process can have, by the name that a target gives it. */
export const processRoles: readonly string[] = [
  "postmaster",
  ...titles.map(roleOf),
  "logical-replication-worker",
  "walsender",
  "background-worker",
  "client-backend",
].sort();

/**
 * Gives the processes of one server their roles. What the server started but is no server process (an archive command)
 * is a `command`; a child that has no title yet is a `client-backend` to be. Pure.
 */
export function withRoles(entries: readonly ProcessEntry[]): readonly ServerProcess[] {
  const pids = new Set(entries.map(({ pid }) => pid));
  return entries.map(({ pid, parent, started, state, title }) => {
    const untitled = pids.has(parent) ? (isServer(title) ? "client-backend" : "command") : "postmaster";
    return { pid, started, state, role: roleOfTitle(title) ?? untitled };
  });
}

/** The role in a title as `postgres: checkpointer` or, with a `cluster_name`, `postgres: ledger: checkpointer`. */
export function roleOfTitle(title: string): string | undefined {
  const shown = /^postgres: (.*?)\s*$/s.exec(title)?.[1];
  if (shown === undefined) return undefined;
  const colon = shown.indexOf(": ");
  const readings = colon === -1 ? [shown] : [shown, shown.slice(colon + 2)];
  if (readings.some((text) => text.startsWith("walsender "))) return "walsender";
  // A client's shows user, database and where it comes from; a role or database may be called as anything.
  if (readings.some((text) => /^.+ .+ (\[local\]|\S+\(\d+\))( |$)/.test(text))) return "client-backend";
  if (readings.some((text) => /^logical replication .*worker/.test(text))) return "logical-replication-worker";
  const found = titles.find((known) => readings.some((text) => text === known || text.startsWith(`${known} `)));
  return found === undefined ? "background-worker" : roleOf(found);
}

/** Before it has a title, a child shows its postmaster's command line. */
function isServer(title: string): boolean {
  return /^\S*\b(postgres|postmaster|edb-postgres)( |$)/.test(title);
}
