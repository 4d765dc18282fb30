import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Event, LeaseState, ReadQuery } from "../timeline.ts";
import { storeUnusable } from "./errors.ts";
import { bootClockMs } from "./boot-clock.ts";
import { identityFromText, isKnownDead } from "./holder.ts";

const columns = "position, stream, version, at, by, kind, data";
type Row = readonly [number, string, number, string, string, string, string];

/** What can be asked of the file. Synchronous: WAL readers never wait for a writer or for the disk's sync. */
export class Reader {
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, file: string) {
    this.#database = database;
    this.#file = file;
    database.exec("pragma query_only = on");
  }

  events(query: ReadQuery, limit: number): Event[] {
    const after = query.after ?? 0;
    if (query.stream !== undefined) {
      // By the index of the stream; its versions have the order of the positions.
      return this.#all(
        `select ${columns} from events where stream = ? and position > ? order by version limit ?`,
        [query.stream, after, limit],
        eventOf,
      );
    }
    if (query.prefix === undefined || query.prefix === "") {
      const sql = `select ${columns} from events where position > ? order by position limit ?`;
      return this.#all(sql, [after, limit], eventOf);
    }
    // From the beginning by the streams' index, so that a long record of other streams is not read through;
    // further on by position, since little is left.
    const order = after === 0 ? "+position" : "position";
    const streams = after === 0 ? "stream" : "+stream";
    const sql = `select ${columns} from events where ${streams} >= ? and ${streams} < ? and position > ? order by ${order} limit ?`;
    return this.#all(sql, [query.prefix, afterPrefix(query.prefix), after, limit], eventOf);
  }

  streams(prefix: string): string[] {
    const sql = "select stream from events where stream >= ? and stream < ? and version = 1 order by +position";
    return this.#all(sql, [prefix, afterPrefix(prefix)], (row) => String(row[0]));
  }

  position(): number {
    return this.#all("select coalesce(max(position), 0) from events", [], (row) => Number(row[0]))[0] ?? 0;
  }

  lease(name: string): LeaseState | undefined {
    const sql = "select token, holder, process, until_ms from leases where name = ?";
    return this.#all(sql, [name], (row) => {
      const [token, holder, process, untilMs] = row as readonly [number, string, string, number];
      const identity = identityFromText(process);
      const dead = identity !== undefined && isKnownDead(identity);
      const leftMs = untilMs - bootClockMs();
      return { name, token, holder, leftMs: Math.max(0, leftMs), held: leftMs > 0 && !dead };
    })[0];
  }

  /** Changes when another connection has committed, also one of another process (sqlite.org/pragma.html#pragma_data_version). */
  dataVersion(): number {
    return this.#all("pragma data_version", [], (row) => Number(row[0]))[0] ?? 0;
  }

  #all<T>(sql: string, values: readonly (string | number)[], map: (row: readonly unknown[]) => T): T[] {
    try {
      let statement = this.#statements.get(sql);
      if (statement === undefined) {
        statement = this.#database.prepare(sql);
        statement.setReturnArrays(true);
        this.#statements.set(sql, statement);
      }
      return (statement.all(...values) as unknown as readonly unknown[][]).map(map);
    } catch (error) {
      throw storeUnusable(this.#file, "The timeline cannot be read", error);
    }
  }
}

/** The first text that sorts behind every text with this prefix. */
function afterPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}

function eventOf(row: readonly unknown[]): Event {
  const [position, stream, version, at, by, kind, data] = row as Row;
  return { stream, version, position, at, by, kind, data: JSON.parse(data) };
}
