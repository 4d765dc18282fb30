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

/** What it said of synchronous_commit when it was seen, and what its files say. */
function seenLevels({ observation, remembered, configured }: NodeFacts): readonly string[] {
  return [
    observation?.settings.synchronousCommit ??
      (remembered?.role === "primary" ? remembered.synchronousCommit : undefined),
    observation === undefined ? configured?.synchronousCommit : undefined,
  ].filter((one) => one !== undefined && one !== "") as readonly string[];
}

/** A setting of one role, one database, or one role in one database. */
export type CommitSetting = Readonly<{ role: string | null; database: string | null; level: string }>;

/** Whether some commits may have waited for no standby; undefined: all of them waited, unless a session asked for less. */
export function commitVerdict(primary: NodeFacts, lines: Lines<StandbyHolder>): LossVerdict | undefined {
  const { node } = primary;
  const settings = seenLevels(primary).map((text) => ({ text, level: commitLevel(text) }));
  const weak = settings.find(({ level }) => level !== undefined && !waits(level));
  if (weak !== undefined)
    return possible(`${node} ran with synchronous_commit = ${weak.text}: it did not wait for a standby.`, [weak.level]);
  if (settings.length === 0)
    return unknown(`It is not known whether ${node} waited for its standbys: its synchronous_commit was not seen.`);
  const strange = settings.find(({ level }) => level === undefined);
  if (strange !== undefined)
    return unknown(`It is not known what synchronous_commit = ${strange.text} on ${node} means.`);
  return bySettings(lines);
}

/** The catalogue is the same on every standby, as far as each has replayed. */
function bySettings({ onLine }: Lines<StandbyHolder>): LossVerdict | undefined {
  const told = onLine.flatMap(({ facts }) => (facts.commitSettings === undefined ? [] : [facts.commitSettings]));
  if (onLine.length > 0 && told.length === 0)
    return unknown(
      "It is not known whether a role or a database has a synchronous_commit of its own: no standby says.",
    );
  const weak = told.flat().filter(({ level }) => {
    const known = commitLevel(level);
    return known === undefined || !waits(known);
  });
  const texts = [...new Set(weak.map(settingText))];
  if (texts.length === 0) return undefined;
  return possible(
    `${texts.join("; ")}: no commit there waits for a standby, and the last of them may be lost.`,
    weak.map(({ level }) => commitLevel(level)),
  );
}

function settingText({ role, database, level }: CommitSetting): string {
  const where = [role === null ? [] : [`role ${role}`], database === null ? [] : [`database ${database}`]].flat();
  return `${where.join(" in ") || "every role"} has synchronous_commit = ${level}`;
}

/** A commit of `off` does not wait for its own disk either; one of a level that is not known to us may not. */
function possible(why: string, levels: readonly (Level | undefined)[]): LossVerdict {
  const isUnwritten = levels.some((level) => level === "off" || level === undefined);
  return { kind: "possible", why, missing: [], ...(isUnwritten ? { unwritten: true } : {}) };
}

function unknown(why: string): LossVerdict {
  return { kind: "unknown", why };
}

/** For observations; see `CommitSetting`. */
export const commitSettingsQuery = `
select r.rolname as role, d.datname as database, split_part(c, '=', 2) as level
from pg_db_role_setting s
cross join unnest(s.setconfig) c
left join pg_roles r on r.oid = s.setrole
left join pg_database d on d.oid = s.setdatabase
where c ilike 'synchronous_commit=%' order by 1, 2`;
