import type { DatabaseSync } from "node:sqlite";
import { BlackstartError } from "../../base/error.ts";
import { type Clock, systemClock } from "../../base/time.ts";
import { assertStorable, dataText } from "../data.ts";
import type { Event, ExpectedVersion, Lease, LeaseState, NewEvent, ReadQuery, Timeline } from "../timeline.ts";
import { holderText, thisProcess } from "./holder.ts";
import { createLease, leaseLost } from "./lease.ts";
import { openFile } from "./open.ts";
import type { AppendOperation } from "./protocol.ts";
import { Reader } from "./reader.ts";
import { Subscriptions } from "./subscription.ts";
import { WriterClient } from "./writer-client.ts";

export type SqliteTimelineOptions = Readonly<{
  /** Gives `at` to events that carry none. */
  clock?: Clock;
  /** How long to wait for other processes that write. Default 5,000. */
  busyTimeoutMs?: number;
  /** After so long without an answer from the disk an append is given up. Default 30,000. */
  answerTimeoutMs?: number;
  /** How often to look for appends of other processes while somebody is subscribed. Default 50. */
  pollMs?: number;
}>;

const readLimitDefault = 10_000;
/** Longer reads let the event loop run in between. */
const eventsPerTurn = 1_000;

/** Opens the timeline in this file, or makes it. Throws STORE_UNUSABLE and leaves a file that is not its own alone. */
export async function openSqliteTimeline(file: string, options: SqliteTimelineOptions = {}): Promise<Timeline> {
  const busyTimeoutMs = options.busyTimeoutMs ?? 5_000;
  const database = openFile(file, busyTimeoutMs);
  const writer = new WriterClient({ file, busyTimeoutMs }, options.answerTimeoutMs ?? 30_000);
  return new SqliteTimeline(database, file, writer, options);
}

class SqliteTimeline implements Timeline {
  readonly #database: DatabaseSync;
  readonly #writer: WriterClient;
  readonly #reader: Reader;
  readonly #subscriptions: Subscriptions;
  readonly #clock: Clock;
  #closing: Promise<void> | undefined;

  constructor(database: DatabaseSync, file: string, writer: WriterClient, options: SqliteTimelineOptions) {
    this.#database = database;
    this.#writer = writer;
    this.#reader = new Reader(database, file);
    this.#subscriptions = new Subscriptions(this.#reader, options.pollMs ?? 50);
    this.#clock = options.clock ?? systemClock;
  }

  async append(
    stream: string,
    expectedVersion: ExpectedVersion,
    events: readonly NewEvent[],
    under?: Lease,
  ): Promise<readonly Event[]> {
    assertStorable(stream, events);
    const fields: string[] = [];
    for (const event of events) fields.push(event.at ?? this.#clock.now(), event.by, event.kind, dataText(event));
    const expected = expectedVersion === "any" ? -1 : expectedVersion;
    const outcome = await this.#writer.ask({
      kind: "append",
      stream,
      expected,
      fields,
      ...(under === undefined ? {} : { under: { name: under.name, token: under.token } }),
    });
    if (outcome.kind === "lost") throw leaseLost(under?.name ?? "", outcome);
    if (outcome.kind === "conflict") throw versionConflict(stream, expected, outcome.actual);
    if (outcome.kind !== "appended") throw new Error(`the writer answered ${outcome.kind} to an append`);
    this.#subscriptions.wake();
    return eventsOf(stream, fields, outcome.position, outcome.version);
  }

  async read(query: ReadQuery = {}): Promise<readonly Event[]> {
    const limit = query.limit ?? readLimitDefault;
    const events: Event[] = [];
    let after = query.after ?? 0;
    while (events.length < limit) {
      const wanted = Math.min(eventsPerTurn, limit - events.length);
      const some = this.#reader.events({ ...query, after }, wanted);
      events.push(...some);
      if (some.length < wanted) break;
      after = (some.at(-1) as Event).position;
      await new Promise(setImmediate);
    }
    return events;
  }

  async streams(prefix: string): Promise<readonly string[]> {
    return this.#reader.streams(prefix);
  }

  async position(): Promise<number> {
    return this.#reader.position();
  }

  subscribe(after: number, signal: AbortSignal): AsyncIterable<Event> {
    // Who subscribes stays for long and will want to append at once when something happens.
    this.#writer.start();
    return this.#subscriptions.follow(after, signal);
  }

  async lease(name: string, ttlMs: number): Promise<Lease | undefined> {
    const identity = thisProcess();
    const holder = holderText(identity);
    const outcome = await this.#writer.ask({ kind: "grant", name, ttlMs, holder, process: JSON.stringify(identity) });
    if (outcome.kind !== "granted") return undefined;
    return createLease(this.#writer, { name, token: outcome.token, holder, ttlMs });
  }

  async leaseState(name: string): Promise<LeaseState | undefined> {
    return this.#reader.lease(name);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#subscriptions.close();
    await this.#writer.close();
    this.#database.close();
  }
}

/** From the text that was stored, so that nobody holds data that somebody else can still change. */
function eventsOf(stream: string, fields: AppendOperation["fields"], position: number, version: number): Event[] {
  const events: Event[] = [];
  for (let index = 0; index * 4 < fields.length; index += 1) {
    const [at, by, kind, text] = fields.slice(index * 4) as [string, string, string, string];
    events.push({ stream, version: version + index, position: position + index, at, by, kind, data: JSON.parse(text) });
  }
  return events;
}

function versionConflict(stream: string, expected: number, actual: number): BlackstartError {
  return new BlackstartError("VERSION_CONFLICT", {
    what: `The stream ${stream} is at version ${actual}, not ${expected}`,
    why: "Somebody else appended to it first.",
    next: "Read the stream again and decide anew.",
    details: { stream, expected, actual },
  });
}
