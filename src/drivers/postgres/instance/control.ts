import { BlackstartError } from "../../../base/error.ts";
import { delay } from "../../../base/time.ts";
import type { ControlData } from "../instance.ts";
import { type Lsn, lsnText } from "../lsn.ts";
import { type Place, runOrThrow } from "./place.ts";

/** pg_control is read here and not by pg_controldata, which not every installation has. It is world-wide the same file. */
const script = `
cat "$1/PG_VERSION" && head -c 1024 "$1/global/pg_control" | od -An -v -tx1
`;

/** What pg_rewind needs to know besides. */
export type RewindableControl = ControlData & Readonly<{ checksums: boolean; walLogHints: boolean }>;

/** One that a running server is writing may be seen by half, or not at all; PostgreSQL's own readers try again as well. */
const attemptsMax = 3;
const againMs = 20;

export async function control(place: Place, attempt = 1): Promise<RewindableControl> {
  const { stdout } = await runOrThrow(place, "reading pg_control", {
    script,
    args: [place.dataDirectory],
    as: place.dataDirectory,
    timeoutMs: 5000,
  });
  const end = stdout.indexOf("\n");
  const hex = stdout.slice(end);
  if (attempt < attemptsMax && parseControl(bytesOf(hex)) === undefined) {
    await delay(againMs);
    return control(place, attempt + 1);
  }
  const { reachedLsn: _, ...data } = parsedControl(place, hex);
  return { ...data, version: Number.parseInt(stdout, 10) * 10_000 };
}

/** `reachedLsn`: its WAL goes at least so far, for there is a record at its checkpoint; as a rule there is more. */
type Parsed = Omit<RewindableControl, "version"> & Readonly<{ reachedLsn: Lsn }>;

/** Where minRecoveryPoint lies, and 8 bytes on its timeline: after the checkpoint's copy and unloggedLSN, the same from 13 to 18. */
export const minRecoveryAt = 136;

/** @param hex its bytes as hexadecimal text, with white space between */
export function parsedControl(place: Place, hex: string): Parsed {
  const parsed = parseControl(bytesOf(hex));
  if (parsed !== undefined) return parsed;
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: `${place.node}: pg_control cannot be understood.`,
    why: "It is damaged, or of a PostgreSQL that Blackstart does not know.",
    next: `Run pg_controldata on ${place.dataDirectory}.`,
  });
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replace(/\s/g, ""), "hex");
}

/** DBState in src/include/catalog/pg_control.h, in the words of pg_controldata. */
const states = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
];

/**
 * ControlFileData in src/include/catalog/pg_control.h. The beginning is the same from 13 to 18. What comes later moves
 * with the version, so it is found by `floatFormat`, which always holds 1234567.0; that tells the byte order as well.
 * Before it: … wal_level, wal_log_hints, five limits, track_commit_timestamp, maxAlign (8). After it: eight sizes,
 * float8ByVal, data_checksum_version.
 *
 * The timeline is the checkpoint's, or that of minRecoveryPoint: a server that was promoted knows of its new timeline there
 * first, before it takes writes, and in the checkpoint only later; so does a standby that followed to one.
 */
export function parseControl(bytes: Buffer): Parsed | undefined {
  const little = Buffer.alloc(8);
  little.writeDoubleLE(1_234_567);
  const isLittle = bytes.includes(little);
  const anchor = isLittle ? bytes.indexOf(little) : bytes.indexOf(Buffer.from(little).reverse());
  const u32 = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const u64 = (at: number) => (isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  if (anchor < 64 || anchor + 48 > bytes.length) return undefined;
  const maxAlign = [anchor - 4, anchor - 8].find((at) => u32(at) === 8);
  const clusterState = states[u32(16)];
  if (maxAlign === undefined || clusterState === undefined) return undefined;
  const [checkpoint, reached] = [u64(32), u64(minRecoveryAt)];
  return {
    systemIdentifier: u64(0).toString(),
    clusterState,
    checkpointLsn: lsnText(checkpoint),
    redoLsn: lsnText(u64(40)),
    timelineId: Math.max(u32(48), u32(minRecoveryAt + 8)),
    reachedLsn: lsnText(reached > checkpoint ? reached : checkpoint + 1n),
    walLogHints: bytes[maxAlign - 28] === 1,
    checksums: u32(anchor + 44) !== 0,
  };
}
