import type { Json, JsonObject } from "../../../base/json.ts";
import { type Dumped, dumpWal } from "../../../wal/dump/dump.ts";
import { type DumpQuery, relationQuery, resourceManagerQuery } from "../../../wal/dump/query.ts";
import { type KindCount, kindCounts } from "../../../wal/dump/stats.ts";
import { lsnTextOf } from "../../../wal/format.ts";
import type { OpenTransaction } from "../../../wal/open-transactions.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { bytesText, counted } from "../../output/quantities.ts";
import { lsnOption, numberOption } from "./options.ts";

export type DumpOptions = Readonly<{
  relation?: string;
  xid?: string;
  rmgr?: string;
  from?: string;
  to?: string;
  limit?: string;
  timeline?: string;
  stats?: true;
  open?: true;
}>;

/** Exit code 1: the log is damaged, or a file is cut. */
export async function dumpCommand(
  { out, signal }: CommandContext,
  options: DumpOptions,
  paths: readonly string[],
): Promise<Outcome> {
  const format = options.stats === true ? "stats" : options.open === true ? "open" : out.json ? "json" : "text";
  const query = queryOf(options);
  const reading = new AbortController();
  const either = AbortSignal.any([signal, reading.signal]);
  const timeline = numberOption("--timeline", options.timeline);
  const given = timeline === undefined ? {} : { timeline };
  const request = { paths, format, query, signal: either, ...given } as const;
  const dumped = await dumpWal(request, async (lines) => {
    // `… | head`: whoever reads has read enough.
    if (!(await out.raw(lines))) reading.abort(enough);
    return new Uint8Array(lines.buffer);
  }).catch((error: unknown) => {
    if (reading.signal.aborted && !signal.aborted) return undefined;
    throw error;
  });
  if (dumped === undefined) return {};
  const kinds = kindCounts(dumped.counts, dumped.directory.version);
  if (format === "stats") sayKinds(out, kinds);
  if (dumped.open !== undefined) sayOpen(out, dumped.open);
  for (const line of endLines(dumped)) out.progress(line);
  return { exitCode: dumped.end.kind === "damage" || dumped.end.kind === "cut" ? 1 : 0, result: resultOf(dumped) };
}

const enough = new Error("nobody reads any longer");

function queryOf(options: DumpOptions): DumpQuery {
  const from = lsnOption("--from", options.from);
  const to = lsnOption("--to", options.to);
  const limit = numberOption("--limit", options.limit);
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
    ...(options.xid === undefined
      ? {}
      : { xids: options.xid.split(",").map((each) => numberOption("--xid", each) as number) }),
    ...(options.rmgr === undefined ? {} : { resourceManagers: options.rmgr.split(",").map(resourceManagerQuery) }),
    ...(options.relation === undefined ? {} : { relations: options.relation.split(",").map(relationQuery) }),
  };
}

function sayKinds(out: CommandContext["out"], kinds: readonly KindCount[]): void {
  for (const kind of kinds) out.record({ ...kind });
  const all = kinds.reduce((sum, { bytes }) => sum + bytes, 0);
  const records = kinds.reduce((sum, each) => sum + each.records, 0);
  const share = (part: number, whole: number) => `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;
  const row = (kind: KindCount) => [
    kind.type === kind.manager ? kind.manager : `${kind.manager} ${kind.type}`,
    ...[String(kind.records), share(kind.records, records)].map(right),
    ...[String(kind.bytes - kind.imageBytes), String(kind.imageBytes), share(kind.bytes, all)].map(right),
  ];
  const total = kinds.reduce((sum, { imageBytes }) => sum + imageBytes, 0);
  const header = ["kind", ...["records", "share", "bytes", "image bytes", "share"].map(right)];
  out.table([...kinds.map(row), row({ manager: "all", type: "all", records, bytes: all, imageBytes: total })], header);
}

/** Numbers are read from their last digit. */
function right(text: string): string {
  return text.padStart(12);
}

function sayOpen(out: CommandContext["out"], open: NonNullable<Dumped["open"]>): void {
  for (const each of open.transactions) {
    out.record(openJson(each));
    const relations = each.relations.slice(0, 8).map((touched) => `${relationText(touched)} (${touched.records})`);
    const subtransactions = each.subxids.length > 0 ? `, subtransactions ${each.subxids.slice(0, 16).join(" ")}` : "";
    out.text(
      `xid ${each.xid}: ${counted(each.records, "record")}, ${bytesText(each.bytes)}${subtransactions}`,
      `  from ${lsnOrBefore(each.firstLsn)} to ${lsnOrBefore(each.lastLsn)}${each.beganBefore ? "; was open before" : ""}`,
      `  wrote to ${relations.join(", ") || "no relation"}`,
    );
  }
  if (open.transactions.length === 0) out.text("No transaction is left open.");
  if (!open.complete)
    out.progress("note: no list of running transactions is in it; one that wrote only before it is missing here");
}

function openJson(each: OpenTransaction): JsonObject {
  const { xid, subxids, records, bytes, beganBefore } = each;
  const [firstLsn, lastLsn] = [each.firstLsn, each.lastLsn].map((lsn) => (lsn === undefined ? null : lsnTextOf(lsn)));
  const relations = each.relations.map((touched) => ({ ...touched })) as unknown as Json;
  return { xid, subxids, records, bytes, beganBefore, firstLsn: firstLsn ?? null, lastLsn: lastLsn ?? null, relations };
}

function relationText({ tablespace, database, relation }: OpenTransaction["relations"][number]): string {
  return `${tablespace}/${database}/${relation}`;
}

function lsnOrBefore(lsn: number | undefined): string {
  return lsn === undefined ? "before what was read" : lsnTextOf(lsn);
}

function endLines({ directory, end, records, bytes }: Dumped): readonly string[] {
  const [first] = directory.segments;
  const left = directory.leftOut;
  return [
    ...(left.length > 0
      ? [
          `note: ${counted(left.length, "older segment")} (${left[0]} … ${left.at(-1)}) not read: the one after them is missing, and the log goes on with ${first?.name}`,
        ]
      : []),
    `${counted(records, "record")}, ${bytesText(bytes)}, PostgreSQL ${directory.version}, timeline ${directory.timeline}`,
    `${endTitle(end)} at ${lsnTextOf(end.lsn)}: ${end.reason}`,
    ...(end.resumesAt === undefined ? [] : [`  log that was written later begins at ${lsnTextOf(end.resumesAt)}`]),
  ];
}

function endTitle(end: Dumped["end"]): string {
  switch (end.kind) {
    case "end":
      return end.usedUp ? "end of the files" : "end of the log";
    case "damage":
      return "DAMAGED";
    case "cut":
      return "the file is cut";
    case "asked":
      return "ended";
    default: {
      const never: never = end.kind;
      return never;
    }
  }
}

function resultOf({ end, records, bytes, directory }: Dumped): JsonObject {
  const reasons = { end: end.usedUp ? "end-of-files" : "end-of-wal", damage: "damaged", cut: "cut", asked: "asked" };
  return {
    result: "wal",
    records,
    bytes,
    version: directory.version,
    timeline: directory.timeline,
    systemIdentifier: String(directory.systemIdentifier),
    leftOut: directory.leftOut,
    end: {
      lsn: lsnTextOf(end.lsn),
      reason: reasons[end.kind],
      message: end.reason,
      ...(end.resumesAt === undefined ? {} : { resumesAt: lsnTextOf(end.resumesAt) }),
    },
  };
}
