import { BlackstartError } from "../../../base/error.ts";
import type { JsonObject } from "../../../base/json.ts";
import { lsnTextOf } from "../../../wal/format.ts";
import type { Field } from "../../../wal/show/fields.ts";
import { readSegment, type SegmentBytes, type Span } from "../../../wal/show/segment-bytes.ts";
import { type ShownPart, showSegment } from "../../../wal/show/show.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { type Layout, wrapped } from "../../output/layout.ts";
import type { Output } from "../../output/output.ts";
import { bytesText } from "../../output/quantities.ts";
import type { Style } from "../../output/style.ts";
import { lsnOption, numberOption } from "./options.ts";

export type ShowOptions = Readonly<{ lsn?: string; offset?: string; count?: string }>;

const bytesPerLine = 8;
/** Of a long field (a page's image) so many lines are enough to know it by. */
const linesPerField = 8;
const countMax = 1000;

export async function showCommand({ out }: CommandContext, options: ShowOptions, file: string): Promise<Outcome> {
  const lsn = lsnOption("--lsn", options.lsn);
  const offset = numberOption("--offset", options.offset);
  if (lsn !== undefined && offset !== undefined)
    throw new BlackstartError("USAGE", {
      what: "--lsn and --offset are given both.",
      why: "Each of them says where to begin.",
      next: "Give one of them.",
    });
  const segment = await readSegment(file);
  const from = offset === undefined ? lsn : segment.startLsn + offset;
  const count = Math.min(countMax, Math.max(1, numberOption("--count", options.count) ?? 1));
  const parts = showSegment(segment, from, count);
  const { version, timeline, segmentBytes } = segment.header;
  const about = `PostgreSQL ${version}, timeline ${timeline}, ${bytesText(segmentBytes)} of log from ${lsnTextOf(segment.startLsn)} on`;
  const columns = `${"byte".padEnd(8)}${"bytes".padEnd(hexColumns)}${"field".padEnd(nameColumns)} what it means`;
  out.text(out.style.bold(segment.name), about, out.style.dim(columns));
  for (const part of parts) {
    for (const field of part.fields) out.record(fieldJson(part, field));
    out.text("", ...partLines(part, out));
  }
  return {
    result: {
      file,
      segment: segment.name,
      version,
      startLsn: lsnTextOf(segment.startLsn),
      ...whole(segment),
      parts: parts.length,
    },
  };
}

function whole({ bytes, header }: SegmentBytes): JsonObject {
  return bytes.length < header.segmentBytes ? { cutAt: bytes.length } : {};
}

function partLines(part: ShownPart, { style, layout }: Output): string[] {
  const heading = `${style.bold(style.cyan(lsnTextOf(part.lsn)))}  ${style.bold(part.title)}`;
  const wrong = part.wrong === undefined ? [] : [style.red(`  ${part.wrong}`)];
  return [heading, ...wrong, ...part.fields.flatMap((field) => fieldLines(field, part.spans, style, layout))];
}

/** The bytes in the first columns, what they mean beside them; the one or the other may take more lines. */
function fieldLines(field: Field, spans: readonly Span[], style: Style, layout: Layout): string[] {
  const chunks = chunksOf(field, spans).slice(0, linesPerField);
  const left = field.bytes.length - chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const isText = field.bytes.length > bytesPerLine;
  const words = wrapped(field.meaning, Math.max(24, layout.width - wordsColumn - (isText ? textColumns : 0)));
  const lines = Array.from({ length: Math.max(chunks.length, words.length) }, (_, index) => {
    const chunk = chunks[index];
    const hex = Buffer.from(chunk?.bytes ?? [])
      .toString("hex")
      .toUpperCase();
    const name = index === 0 ? field.name : "";
    const meaning = words[index] ?? "";
    return [
      style.dim(chunk === undefined ? "      " : chunk.at.toString(16).toUpperCase().padStart(6, "0")),
      `  ${style.yellow(hex.replace(/../g, "$& ").padEnd(hexColumns))}`,
      `${style.green(name.padEnd(nameColumns))} `,
      isText ? style.dim(textOf(chunk?.bytes ?? []).padEnd(textColumns)) : "",
      field.isWrong === true ? style.red(meaning) : meaning,
    ]
      .join("")
      .trimEnd();
  });
  return left > 0 ? [...lines, style.dim(`        … ${left} more bytes`)] : lines;
}

const hexColumns = 26;
const nameColumns = 20;
const textColumns = bytesPerLine + 2;
const wordsColumn = 8 + hexColumns + nameColumns + 1;

/** The bytes of a field, a line at a time, each with its place in the file; a page header may lie between two. */
function chunksOf(field: Field, spans: readonly Span[]): readonly Readonly<{ at: number; bytes: Uint8Array }>[] {
  const chunks: { at: number; bytes: Uint8Array }[] = [];
  for (let done = 0; done < field.bytes.length && chunks.length <= linesPerField; ) {
    const offset = field.offset + done;
    const span = spans.find((each) => offset >= each.offset && offset < each.offset + each.length);
    if (span === undefined) break;
    const room = span.offset + span.length - offset;
    const bytes = field.bytes.subarray(done, done + Math.min(bytesPerLine, room));
    chunks.push({ at: span.at + offset - span.offset, bytes });
    done += bytes.length;
  }
  return chunks;
}

/** What can be read of the bytes; a dot for the others. */
function textOf(bytes: Iterable<number>): string {
  return [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
}

function fieldJson(part: ShownPart, field: Field): JsonObject {
  const [first] = chunksOf(field, part.spans);
  return {
    part: part.kind,
    lsn: lsnTextOf(part.lsn),
    field: field.name,
    offset: first?.at ?? 0,
    hex: Buffer.from(field.bytes).toString("hex"),
    meaning: field.meaning,
    wrong: field.isWrong === true,
  };
}
