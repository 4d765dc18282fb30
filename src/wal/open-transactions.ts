import { resourceManager } from "./format.ts";
import type { WalRecord } from "./record.ts";
import { type TransactionEvent, transactionEvent } from "./transactions.ts";

/** A transaction (with its subtransactions) whose end is not in the log. */
export type OpenTransaction = Readonly<{
  xid: number;
  subxids: readonly number[];
  /** Of the records that were read; undefined when it is only known from a list of running transactions. */
  firstLsn?: number;
  lastLsn?: number;
  records: number;
  bytes: number;
  relations: readonly TouchedRelation[];
  /** It was open already when the records that were read begin: it may have written more before. */
  beganBefore: boolean;
}>;

export type TouchedRelation = Readonly<{ tablespace: number; database: number; relation: number; records: number }>;

export type PreparedTransaction = Readonly<{
  xid: number;
  gid: string;
  preparedAt: number;
  owner: number;
  database: number;
  lsn: number;
}>;

export type TransactionSummary = Readonly<{
  open: readonly OpenTransaction[];
  prepared: readonly PreparedTransaction[];
  commits: number;
  aborts: number;
  /** The last commits, oldest first; milliseconds since 1970. */
  lastCommits: readonly Readonly<{ xid: number; at: number; lsn: number }>[];
  /**
   * True when the records that were read hold a list of the running transactions (or a shutdown): then none that was
   * open and had an xid is missing. Otherwise one that wrote only before them is.
   */
  complete: boolean;
}>;

/** How many of the last commits are kept. */
const lastCommitsKept = 20;

/** A list of running transactions can name some whose end was logged just before it; so many ends are remembered. */
const endsRemembered = 10_000;

/**
 * Follows the transactions of a log from record to record.
 *
 *   (unknown) ─(a record with its xid, or listed as running)─► open ─(commit | abort)─► gone
 *                                                              └─(prepare)─► prepared ─(commit | abort prepared)─► gone
 *
 * A subtransaction belongs to its top-level one as soon as the log says so (assignment, top-level xid in the record,
 * list in commit or abort); until then it stands alone, and an aborted subtransaction is no transaction in flight only
 * once its own abort record was seen.
 */
export class TransactionTracker {
  readonly #version: number;
  readonly #open = new Map<number, Entry>();
  readonly #parents = new Map<number, number>();
  readonly #prepared = new Map<number, PreparedTransaction & { entry?: Entry }>();
  readonly #lastCommits: { xid: number; at: number; lsn: number }[] = [];
  readonly #ended = new Set<number>();
  #commits = 0;
  #aborts = 0;
  #complete = false;

  constructor(version: number) {
    this.#version = version;
  }

  visit(record: WalRecord): void {
    const manager = record.resourceManager;
    const speaks =
      manager === resourceManager.transaction ||
      manager === resourceManager.standby ||
      manager === resourceManager.xlog;
    if (record.xid === 0 && !speaks) return;
    if (!record.decode()) return;
    if (record.xid !== 0) this.#note(record);
    if (!speaks) return;
    const event = transactionEvent(record, this.#version);
    if (event !== undefined) this.#take(event, record.lsn);
  }

  summary(): TransactionSummary {
    const tops = new Map<number, Entry[]>();
    for (const entry of this.#open.values()) {
      const top = this.#topOf(entry.xid);
      tops.set(top, [...(tops.get(top) ?? []), entry]);
    }
    return {
      open: [...tops]
        .map(([xid, entries]) => merged(xid, entries))
        .sort((a, b) => (a.firstLsn ?? 0) - (b.firstLsn ?? 0)),
      prepared: [...this.#prepared.values()].map(({ entry: _, ...prepared }) => prepared),
      commits: this.#commits,
      aborts: this.#aborts,
      lastCommits: this.#lastCommits,
      complete: this.#complete,
    };
  }

  #note(record: WalRecord): void {
    const { xid } = record;
    let entry = this.#open.get(xid);
    if (entry === undefined) this.#open.set(xid, (entry = newEntry(xid, false)));
    if (record.topXid !== 0 && record.topXid !== xid) this.#parents.set(xid, record.topXid);
    if (entry.firstLsn === undefined) entry.firstLsn = record.lsn;
    entry.lastLsn = record.lsn;
    entry.records++;
    entry.bytes += record.totalBytes;
    for (let index = 0; index < record.blockCount; index++) {
      const block = record.blocks[index];
      if (block !== undefined) touch(entry, block.tablespace, block.database, block.relation);
    }
  }

  #take(event: TransactionEvent, lsn: number): void {
    switch (event.kind) {
      case "commit":
      case "abort": {
        this.#end(event.xid, event.subxids);
        this.#prepared.delete(event.xid);
        if (event.kind === "abort") {
          this.#aborts++;
          return;
        }
        this.#commits++;
        this.#lastCommits.push({ xid: event.xid, at: event.at, lsn });
        if (this.#lastCommits.length > lastCommitsKept) this.#lastCommits.shift();
        return;
      }
      case "prepare": {
        this.#end(event.xid, event.subxids);
        const { xid, gid, at: preparedAt, owner, database } = event;
        this.#prepared.set(xid, { xid, gid, preparedAt, owner, database, lsn });
        return;
      }
      case "assignment":
        for (const subxid of event.subxids) this.#parents.set(subxid, event.xid);
        return;
      case "running":
        return this.#running(event);
      case "shutdown":
        this.#open.clear();
        this.#parents.clear();
        this.#complete = true;
        return;
      default: {
        const never: never = event;
        return never;
      }
    }
  }

  /**
   * What runs now. The list also names prepared transactions. One that we hold for open and that is older than the
   * oldest running one has ended without a record of its own (a transaction that wrote nothing durable need not log
   * its abort).
   */
  #running(event: Extract<TransactionEvent, { kind: "running" }>): void {
    const listed = new Set(event.xids);
    for (const [xid] of this.#open) {
      const older = precedes(xid, event.oldestXid);
      const unlisted = !event.overflowed && precedes(xid, event.nextXid) && !listed.has(xid);
      if (older || (unlisted && !listed.has(this.#topOf(xid)))) this.#open.delete(xid);
    }
    if (!this.#complete)
      for (const xid of event.xids.slice(0, event.topCount))
        if (!this.#prepared.has(xid) && !this.#ended.has(xid) && !this.#open.has(xid))
          this.#open.set(xid, newEntry(xid, true));
    this.#complete = true;
  }

  #end(xid: number, subxids: readonly number[]): void {
    this.#open.delete(xid);
    this.#ended.add(xid);
    if (this.#ended.size > endsRemembered) this.#ended.delete(this.#ended.values().next().value as number);
    for (const subxid of subxids) {
      this.#open.delete(subxid);
      this.#parents.delete(subxid);
    }
    if (this.#parents.size === 0) return;
    // Subtransactions that ended before without a word in the commit: aborted ones.
    for (const [subxid, top] of this.#parents)
      if (top === xid) {
        this.#open.delete(subxid);
        this.#parents.delete(subxid);
      }
  }

  #topOf(xid: number): number {
    return this.#parents.get(xid) ?? xid;
  }
}

type Entry = {
  xid: number;
  firstLsn: number | undefined;
  lastLsn: number | undefined;
  records: number;
  bytes: number;
  beganBefore: boolean;
  relations: Map<string, { tablespace: number; database: number; relation: number; records: number }> | undefined;
  // The relation touched last: most records touch the same one again.
  last: { tablespace: number; database: number; relation: number; records: number } | undefined;
};

function newEntry(xid: number, beganBefore: boolean): Entry {
  return {
    xid,
    firstLsn: undefined,
    lastLsn: undefined,
    records: 0,
    bytes: 0,
    beganBefore,
    relations: undefined,
    last: undefined,
  };
}

function touch(entry: Entry, tablespace: number, database: number, relation: number): void {
  const last = entry.last;
  if (last?.relation === relation && last.database === database && last.tablespace === tablespace) {
    last.records++;
    return;
  }
  entry.relations ??= new Map();
  const key = `${tablespace}/${database}/${relation}`;
  let found = entry.relations.get(key);
  if (found === undefined) entry.relations.set(key, (found = { tablespace, database, relation, records: 0 }));
  found.records++;
  entry.last = found;
}

/** `a` is before `b`, as xids wrap around (`transam.c`). */
function precedes(a: number, b: number): boolean {
  return (a - b) | 0 ? ((a - b) | 0) < 0 : false;
}

function merged(xid: number, entries: readonly Entry[]): OpenTransaction {
  const relations = new Map<string, { tablespace: number; database: number; relation: number; records: number }>();
  for (const entry of entries)
    for (const [key, touched] of entry.relations ?? []) {
      const found = relations.get(key);
      if (found === undefined) relations.set(key, { ...touched });
      else found.records += touched.records;
    }
  const firsts = entries.flatMap((entry) => entry.firstLsn ?? []);
  const lasts = entries.flatMap((entry) => entry.lastLsn ?? []);
  return {
    xid,
    subxids: entries.map((entry) => entry.xid).filter((each) => each !== xid),
    ...(firsts.length > 0 ? { firstLsn: Math.min(...firsts), lastLsn: Math.max(...lasts) } : {}),
    records: entries.reduce((sum, entry) => sum + entry.records, 0),
    bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0),
    relations: [...relations.values()].sort((a, b) => b.records - a.records),
    beganBefore: entries.some((entry) => entry.beganBefore),
  };
}
