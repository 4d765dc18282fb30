import { messageOf } from "../base/error.ts";
import { type Instant, systemClock } from "../base/time.ts";
import type { Connection } from "../drivers/postgres/connection.ts";
import type { Lsn } from "../drivers/postgres/lsn.ts";
import type { Finding } from "../finding/finding.ts";
import { lsnTextOf } from "../wal/format.ts";
import { type OpenTransaction, type TransactionSummary, TransactionTracker } from "../wal/open-transactions.ts";
import { readWal, type WalEnd } from "../wal/reader.ts";
import type { RecoveryContext } from "./context.ts";
import { nameRelations, type RelationName } from "./in-flight/relations.ts";
import { findWal, type WalSource } from "./in-flight/source.ts";
import { connectPrimary } from "./primary.ts";

export type InFlightRequest = RecoveryContext &
  Readonly<{ cluster: string; node?: string; directory?: string; signal?: AbortSignal }>;

export type InFlightTransaction = Readonly<{
  xid: number;
  subxids: readonly number[];
  firstLsn: Lsn | null;
  lastLsn: Lsn | null;
  records: number;
  bytes: number;
  /** The name where the new primary knows it, else the place of the file: `1663/5/16385`. */
  relations: readonly Readonly<{ name: string; table: string | null; records: number }>[];
  beganBefore: boolean;
}>;

export type PreparedLeft = Readonly<{
  gid: string;
  xid: number;
  owner: string;
  database: string;
  preparedAt: Instant;
  ageMs: number;
  /** Statements for a person to choose from; to be run in its database. */
  commit: string;
  rollback: string;
}>;

export type InFlightLook = Readonly<{
  cluster: string;
  node: string | null;
  directory: string;
  version: number;
  from: Lsn;
  to: Lsn;
  /** How the log ends; `damage`: what lies behind it was not read. */
  end: Readonly<{ kind: WalEnd["kind"]; reason: string; resumesAt?: Lsn }>;
  records: number;
  inFlight: readonly InFlightTransaction[];
  /** Oldest first. The last of these is the last write that can have been acknowledged. */
  lastCommits: readonly Readonly<{ xid: number; at: Instant; lsn: Lsn }>[];
  prepared: readonly PreparedLeft[];
  /** Prepared in the old log, but not on the new primary. */
  preparedLost: readonly Readonly<{ gid: string; xid: number; preparedAt: Instant }>[];
  /** What this look cannot know, in words. */
  unseen: readonly string[];
  findings: readonly Finding[];
}>;

/** Read from the end backwards, more and more, until it is known what ran at the beginning of what was read. */
const firstScanBytes = { local: 256 * 1024 * 1024, remote: 16 * 1024 * 1024 } as const;
const scanBytesMax = { local: 16 * 1024 ** 3, remote: 512 * 1024 * 1024 } as const;

/** What was in flight when the old primary crashed, from its own log. Changes nothing. */
export async function lookInFlight(request: InFlightRequest): Promise<InFlightLook> {
  const source = await findWal(request, request);
  try {
    const read = await scan(source, request.signal);
    const asked = await askPrimary(request, read.summary);
    return lookOf(request, source, read, asked);
  } finally {
    await source.wal.files.close();
  }
}

type Scan = Readonly<{ from: number; end: WalEnd; summary: TransactionSummary }>;

async function scan({ wal, remote }: WalSource, signal: AbortSignal | undefined): Promise<Scan> {
  const place = remote ? "remote" : "local";
  const all = wal.segments.length;
  for (let bytes: number = firstScanBytes[place]; ; bytes *= 4) {
    const count = Math.min(all, Math.max(2, Math.ceil(Math.min(bytes, scanBytesMax[place]) / wal.segmentBytes)));
    const directory = { ...wal, segments: wal.segments.slice(all - count) };
    const tracker = new TransactionTracker(wal.version);
    const end = await readWal(directory, { signal }, (record) => tracker.visit(record));
    const summary = tracker.summary();
    if (summary.complete || count === all || bytes >= scanBytesMax[place])
      return { from: end.firstLsn ?? directory.segments[0]?.startLsn ?? 0, end, summary };
  }
}

type Asked = Readonly<{
  names: ReadonlyMap<string, RelationName>;
  prepared: readonly PreparedLeft[] | undefined;
  unseen: readonly string[];
}>;

/** The new primary knows names and prepared transactions. Without one the log still tells the rest. */
async function askPrimary(request: InFlightRequest, summary: TransactionSummary): Promise<Asked> {
  try {
    const { connection, node } = await connectPrimary(request, request.cluster);
    try {
      const touched = summary.open.flatMap(({ relations }) => relations);
      const named = await nameRelations(request.fleet, { cluster: request.cluster, node, connection }, touched);
      return { ...named, prepared: await preparedLeft(connection) };
    } finally {
      await connection.close();
    }
  } catch (error) {
    const why = `no primary answers, so relations have no names and prepared transactions were not looked for: ${messageOf(error)}`;
    return { names: new Map(), prepared: undefined, unseen: [why] };
  }
}

async function preparedLeft(connection: Connection): Promise<readonly PreparedLeft[]> {
  const rows = await connection.query<Record<string, string>>(
    `select gid, transaction::text as xid, owner, database, to_char(prepared at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
        (extract(epoch from clock_timestamp() - prepared) * 1000)::bigint::text as age, quote_literal(gid) as quoted
       from pg_prepared_xacts order by prepared`,
  );
  return rows.map((row) => ({
    gid: row.gid ?? "",
    xid: Number(row.xid),
    owner: row.owner ?? "",
    database: row.database ?? "",
    preparedAt: row.at ?? "",
    ageMs: Number(row.age),
    commit: `COMMIT PREPARED ${row.quoted}`,
    rollback: `ROLLBACK PREPARED ${row.quoted}`,
  }));
}

function lookOf(request: InFlightRequest, source: WalSource, { from, end, summary }: Scan, asked: Asked): InFlightLook {
  const prepared = asked.prepared ?? [];
  // One that was prepared before the scanned part is listed there as running.
  const stillPrepared = new Set(prepared.map(({ xid }) => xid));
  const open = summary.open.filter(({ xid }) => !stillPrepared.has(xid));
  const inFlight = open.map((each) => transactionOf(each, asked.names));
  const look = {
    cluster: request.cluster,
    node: source.node,
    directory: source.directory,
    version: source.wal.version,
    from: lsnTextOf(from),
    to: lsnTextOf(end.lsn),
    end: {
      kind: end.kind,
      reason: end.reason,
      ...(end.resumesAt === undefined ? {} : { resumesAt: lsnTextOf(end.resumesAt) }),
    },
    records: end.records,
    inFlight,
    lastCommits: summary.lastCommits.map(({ xid, at, lsn }) => ({ xid, at: instantOf(at), lsn: lsnTextOf(lsn) })),
    prepared,
    preparedLost:
      asked.prepared === undefined
        ? []
        : summary.prepared
            .filter(({ gid }) => !prepared.some((each) => each.gid === gid))
            .map(({ gid, xid, preparedAt }) => ({ gid, xid, preparedAt: instantOf(preparedAt) })),
    unseen: [...unseenBy(summary, end, open), ...asked.unseen],
  };
  return { ...look, findings: findingsOf(request, look) };
}

function transactionOf(open: OpenTransaction, names: ReadonlyMap<string, RelationName>): InFlightTransaction {
  return {
    xid: open.xid,
    subxids: open.subxids,
    firstLsn: open.firstLsn === undefined ? null : lsnTextOf(open.firstLsn),
    lastLsn: open.lastLsn === undefined ? null : lsnTextOf(open.lastLsn),
    records: open.records,
    bytes: open.bytes,
    relations: open.relations.map(({ tablespace, database, relation, records }) => {
      const place = `${tablespace}/${database}/${relation}`;
      const found = names.get(place);
      return { name: found?.relation ?? place, table: found?.table ?? null, records };
    }),
    beganBefore: open.beganBefore,
  };
}

function unseenBy(summary: TransactionSummary, end: WalEnd, open: readonly OpenTransaction[]): readonly string[] {
  return [
    "Transactions that only read, and those that had not written yet, leave no trace in the log.",
    ...(open.length > 0
      ? ["A subtransaction (savepoint) that the log does not assign to its transaction yet is listed by itself."]
      : []),
    ...(summary.complete
      ? []
      : ["No list of running transactions is in what was read: one that wrote only before it is missing here."]),
    ...(end.kind === "damage"
      ? [
          `The log is damaged at ${lsnTextOf(end.lsn)} (${end.reason}): what follows was not read, so one that ended there is listed as in flight.`,
        ]
      : []),
    ...(end.kind === "cut"
      ? [`The log's last file is not whole (${end.reason}): what it held beyond is not known.`]
      : []),
  ];
}

function findingsOf(request: InFlightRequest, look: Omit<InFlightLook, "findings">): readonly Finding[] {
  const seenAt = (request.clock ?? systemClock).now();
  const subject = { kind: "cluster" as const, name: look.cluster };
  const findings: Finding[] = [];
  const last = look.lastCommits.at(-1);
  if (look.inFlight.length > 0)
    findings.push({
      code: "recover.in-flight",
      severity: "info",
      subject,
      title: `${counted(look.inFlight.length, "transaction was", "transactions were")} in flight when ${look.node ?? look.cluster} crashed; none of their writes exist now`,
      evidence: [
        { label: "log", value: `${look.directory}, ${look.from} to ${look.to}` },
        ...(last === undefined ? [] : [{ label: "last commit in it", value: `${last.at} (${last.lsn})` }]),
        ...look.inFlight.slice(0, 20).map((each) => ({ label: `transaction ${each.xid}`, value: tablesOf(each) })),
        ...look.unseen.map((value) => ({ label: "not seen", value })),
      ],
      seenAt,
    });
  if (look.end.kind === "damage")
    findings.push({
      code: "recover.wal-damaged",
      severity: "critical",
      subject,
      title: `The write-ahead log of ${look.node ?? look.cluster} is damaged at ${look.to}`,
      evidence: [
        { label: "what", value: look.end.reason },
        { label: "written log begins again at", value: look.end.resumesAt ?? "" },
      ],
      seenAt,
    });
  if (look.prepared.length > 0)
    findings.push({
      code: "recover.prepared-left-behind",
      severity: "warning",
      subject,
      title: `${counted(look.prepared.length, "prepared transaction waits", "prepared transactions wait")} in ${look.cluster} and ${look.prepared.length === 1 ? "holds" : "hold"} locks until somebody decides`,
      evidence: look.prepared.slice(0, 20).map((each) => ({
        label: each.gid,
        value: `of ${each.owner} in ${each.database}, since ${each.preparedAt}: ${each.commit}; or ${each.rollback};`,
      })),
      seenAt,
    });
  if (look.preparedLost.length > 0)
    findings.push({
      code: "recover.prepared-lost",
      severity: "critical",
      subject,
      title: `${counted(look.preparedLost.length, "prepared transaction", "prepared transactions")} of the old primary never reached the new one, or ended there since`,
      evidence: look.preparedLost.slice(0, 20).map(({ gid, preparedAt }) => ({ label: gid, value: preparedAt })),
      seenAt,
    });
  return findings;
}

function tablesOf({ relations, records, beganBefore }: InFlightTransaction): string {
  const tables = [...new Set(relations.map(({ name, table }) => table ?? name))];
  const before = beganBefore ? "; began before what was read" : "";
  return `${counted(records, "record", "records")} in ${tables.join(", ") || "no table"}${before}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function instantOf(ms: number): Instant {
  return new Date(ms).toISOString();
}
