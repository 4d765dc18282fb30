import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import { type DamagedFile, damageFile } from "../../wal/damage/damage-file.ts";
import { lsnTextOf } from "../../wal/format.ts";
import { readSegment, walkRecords } from "../../wal/show/segment-bytes.ts";
import { archiveOf } from "../archive.ts";
import type { LabRecord } from "../record.ts";
import type { LabFault } from "./fault.ts";

const parameters = z.strictObject({
  segment: z
    .string()
    .regex(/^[0-9A-F]{24}$/, "a segment is called by 24 digits, as 000000010000000000000003")
    .optional()
    .describe("Which archived file; without it the newest."),
  record: z.enum(["first", "middle", "last"]).default("middle").describe("Which of its records."),
  field: z.string().default("xl_tot_len").describe("Which field, as `blackstart wal show` calls it."),
  value: z.string().optional().describe("What it is then; without it something that is wrong (a length of 0)."),
});

export const walDamage: LabFault<z.output<typeof parameters>> = {
  kind: "lab",
  name: "wal-damage",
  description: "A record in the archived log is damaged: whoever restores past it stops there, and may not say so.",
  undo: "`heal` puts the undamaged file back.",
  needs: "a lab with an archive: `lab up --archive`",
  on: "primary",
  parameters,
  async inject(lab, _nodes, { segment, record, field, value }) {
    const archive = archiveOrThrow(lab);
    const name = segment ?? newest(archive);
    const file = join(archive, name);
    const lsn = await recordIn(file, record);
    const done = await damageFile({ file, record: lsn, field, ...(value === undefined ? {} : { value }) });
    return { done: inWords(name, done), tookEffect: async () => isThere(done) };
  },
  async heal(lab) {
    const archive = archiveOrThrow(lab);
    const kept = readdirSync(archive).filter((name) => name.endsWith(keptEnding));
    for (const name of kept) renameSync(join(archive, name), join(archive, name.slice(0, -keptEnding.length)));
    // What was kept before a second damage holds the first.
    for (const name of readdirSync(archive)) if (name.includes(keptEnding)) rmSync(join(archive, name));
    return kept.length === 0
      ? "Nothing in the archive was damaged."
      : `Put back ${kept.length} of the archive's files.`;
  },
};

/** What `damageFile` adds to the name of the file that it keeps. */
const keptEnding = ".before-damage";

async function recordIn(file: string, which: "first" | "middle" | "last"): Promise<number> {
  const places: number[] = [];
  walkRecords(await readSegment(file), ({ lsn, record }) => {
    if (record !== undefined) places.push(lsn);
    return false;
  });
  const index = { first: 0, middle: Math.floor(places.length / 2), last: places.length - 1 }[which];
  const lsn = places[index];
  if (lsn !== undefined) return lsn;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${file} holds no record that could be damaged.`,
    why: "No record begins in it.",
    next: "Name another: --with segment=…",
  });
}

function newest(archive: string): string {
  const name = readdirSync(archive)
    .filter((each) => /^[0-9A-F]{24}$/.test(each))
    .sort()
    .at(-1);
  if (name !== undefined) return name;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Nothing is archived in ${archive} yet.`,
    why: "The primary archives a segment when it is full.",
    next: "Let it be full: select pg_switch_wal();",
  });
}

function isThere({ written, damage }: DamagedFile): boolean {
  const now = readFileSync(written);
  return damage.changes.every(({ at, bytes }) => now.subarray(at, at + bytes.length).equals(bytes));
}

function inWords(name: string, { damage, verdict }: DamagedFile): string {
  const where = `${damage.field} of the record at ${lsnTextOf(damage.lsn)} in ${name} (${damage.title}): ${damage.before} is ${damage.after} now.`;
  if (verdict.stops === undefined) return `${where} PostgreSQL will not notice.`;
  return `${where} PostgreSQL will say “${verdict.stops.says}”; ${verdict.commitsLost} commits lie behind it in the archive.`;
}

function archiveOrThrow(lab: LabRecord): string {
  const archive = archiveOf(lab);
  if (archive !== undefined) return archive;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The lab ${lab.name} archives no log that could be damaged.`,
    why: "Its standbys get everything from the primary itself.",
    next: "Make a lab with an archive: `blackstart lab up --archive`.",
    details: { lab: lab.name },
  });
}
