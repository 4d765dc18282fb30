import { lsnAhead } from "../drivers/postgres/lsn.ts";
import type { AnsweringNode, NodeFacts } from "./cluster-facts.ts";
import type { Lines } from "./lines.ts";
import type { LossVerdict } from "./loss.ts";
import type { StandbyHolder } from "./old-primary.ts";

/* For what a commit on the old primary waited: what it said of synchronous_commit, and what single roles and databases did. */

/** The level by its name in the server's documentation; undefined: not known to us. */
type Level = "off" | "local" | "remote_write" | "on" | "remote_apply";

/** As guc_tables.c takes it, without regard to case. */
const levels: Readonly<Record<string, Level>> = {
  off: "off",
  false: "off",
  no: "off",
  "0": "off",
  local: "local",
  remote_write: "remote_write",
  on: "on",
  true: "on",
  yes: "on",
  "1": "on",
  remote_apply: "remote_apply",
};

export function commitLevel(setting: string): Level | undefined {
  return levels[setting.trim().toLowerCase()];
}

/**
 * A commit of `off` or `local` waits for nobody. `remote_write` waits until a standby has handed the write to its
 * operating system, which is as good as long as that machine runs; see `mayForget`.
 */
function waits(level: Level): boolean {
  return level !== "off" && level !== "local";
}

/**
 * Whether a standby may have confirmed what it does not have any more: under `remote_write` it confirms before its disk
 * has it, and its machine may have gone down since. One that has received beyond what it had at its start has asked again
 * for all that it lacked; before that its receiver stands at the beginning of a segment, or nowhere.
 */
export function mayForget(primary: NodeFacts): (standby: AnsweringNode) => boolean {
  const isWeak = (text: string) => commitLevel(text) === "remote_write";
  const isWritten = seenLevels(primary).some(isWeak);
  return ({ commitSettings = [], observation: { receivedLsn, replayedLsn } }) =>
    (isWritten || commitSettings.some(({ level }) => isWeak(level))) &&
    (receivedLsn === null || (replayedLsn !== null && lsnAhead(replayedLsn, receivedLsn) > 0));
}

/** What it said of synchronous_commit when it was seen, as the primary where it is a standby by now; and what its files say. */
function seenLevels({ observation, remembered, asPrimary, configured }: NodeFacts): readonly string[] {
  const then = observation?.role === "standby" ? asPrimary : remembered?.role === "primary" ? remembered : undefined;
  return [
    observation?.settings.synchronousCommit,
    observation?.role === "primary" ? undefined : then?.synchronousCommit,
    observation === undefined ? configured?.synchronousCommit : undefined,
  ].filter((one) => one !== undefined && one !== "") as readonly string[];
}

/** A setting of one role, one database, or one role in one database. */
export type CommitSetting = Readonly<{ role: string | null; database: string | null; level: string }>;

/** Why some commits may have waited for no standby. `unwritten`: they may not have waited for the primary's disk either. */
type Doubt = Readonly<{ kind: "possible" | "unknown"; why: string; unwritten: boolean }>;

/** Whether some commits may have waited for no standby; undefined: all of them waited, unless a session asked for less. */
export function commitVerdict(primary: NodeFacts, lines: Lines<StandbyHolder>): LossVerdict | undefined {
  const doubts = doubtsOf(primary, lines);
  if (doubts.length === 0) return undefined;
  const why = doubts.map((one) => one.why).join(" ");
  const unwritten = doubts.some((one) => one.unwritten) ? { unwritten: true as const } : {};
  const isPossible = doubts.some((one) => one.kind === "possible");
  return isPossible ? { kind: "possible", why, missing: [], ...unwritten } : { kind: "unknown", why, ...unwritten };
}

/** Why commits may not have waited for this primary's own disk; undefined: all did, unless a session asked for less. */
export function unwrittenWhy(primary: NodeFacts, lines: Lines<StandbyHolder>): string | undefined {
  const doubts = doubtsOf(primary, lines).filter((one) => one.unwritten);
  return doubts.length === 0 ? undefined : doubts.map((one) => one.why).join(" ");
}

/** Every level by which it may have run counts: one that waits for its own disk does not hide another that waits for nothing. */
function doubtsOf(primary: NodeFacts, lines: Lines<StandbyHolder>): readonly Doubt[] {
  const { node } = primary;
  const seen = [...new Set(seenLevels(primary))];
  if (seen.length === 0)
    return [
      unknown(`It is not known for what commits on ${node} waited: its synchronous_commit was not seen.`),
      ...bySettings(lines),
    ];
  return [...seen.flatMap((text) => bySetting(node, text)), ...bySettings(lines)];
}

function bySetting(node: string, text: string): readonly Doubt[] {
  const level = commitLevel(text);
  if (level === undefined) return [unknown(`It is not known what synchronous_commit = ${text} on ${node} means.`)];
  if (waits(level)) return [];
  const disk = level === "off" ? ", nor for its own disk" : "";
  return [possible(`${node} ran with synchronous_commit = ${text}: it did not wait for a standby${disk}.`, [level])];
}

/** The catalogue is the same on every standby, as far as each has replayed. */
function bySettings({ onLine }: Lines<StandbyHolder>): readonly Doubt[] {
  const told = onLine.flatMap(({ facts }) => (facts.commitSettings === undefined ? [] : [facts.commitSettings]));
  if (told.length === 0)
    return [
      unknown("It is not known whether a role or a database has a synchronous_commit of its own: no standby says."),
    ];
  const weak = told.flat().filter(({ level }) => {
    const known = commitLevel(level);
    return known === undefined || !waits(known);
  });
  const texts = [...new Set(weak.map(settingText))];
  if (texts.length === 0) return [];
  return [
    possible(
      `${texts.join("; ")}: no commit there waits for a standby, and the last of them may be lost.`,
      weak.map(({ level }) => commitLevel(level)),
    ),
  ];
}

function settingText({ role, database, level }: CommitSetting): string {
  const where = [role === null ? [] : [`role ${role}`], database === null ? [] : [`database ${database}`]].flat();
  return `${where.join(" in ") || "every role"} has synchronous_commit = ${level}`;
}

/** A commit of `off` does not wait for its own disk either; one of a level that is not known to us may not. */
function possible(why: string, levels: readonly (Level | undefined)[]): Doubt {
  return { kind: "possible", why, unwritten: levels.some((level) => level === "off" || level === undefined) };
}

/** Unknown does not pass for on. */
function unknown(why: string): Doubt {
  return { kind: "unknown", why, unwritten: true };
}

/** For observations; see `CommitSetting`. */
export const commitSettingsQuery = `
select r.rolname as role, d.datname as database, split_part(c, '=', 2) as level
from pg_db_role_setting s
cross join unnest(s.setconfig) c
left join pg_roles r on r.oid = s.setrole
left join pg_database d on d.oid = s.setdatabase
where c ilike 'synchronous_commit=%' order by 1, 2`;
