import type { Json } from "../base/json.ts";
import type { Instant } from "../base/time.ts";

/** Who did it: `person:ada`, `watch`, `executor`, `auto`. */
export type Actor = string;

/** Something that happened. Immutable, ordered, on disk before anyone is told. */
export type Event = Readonly<{
  /** `incident/<id>`, `plan/<id>`, `watch/<system>`, … */
  stream: string;
  /** 1, 2, 3, … within the stream, without a gap. */
  version: number;
  /** Grows over all streams; the order of the world as this store saw it. */
  position: number;
  at: Instant;
  by: Actor;
  /** Dotted, past tense: `incident.opened`. */
  kind: string;
  data: Json;
}>;

export type NewEvent = Readonly<{ kind: string; by: Actor; data: Json; at?: Instant }>;

/** `any`: append at the end whatever stands there; for streams that are a mere record. */
export type ExpectedVersion = number | "any";

/**
 * The right to act alone under a name, for a while. `token` grows with every grant, so that a holder from before can
 * be told from the present one.
 */
export interface Lease {
  readonly name: string;
  readonly token: number;
  readonly holder: string;
  /** Prolongs it by its ttl. Throws LEASE_LOST when it ran out or was taken over. */
  renew(): Promise<void>;
  /** Gives it back; a lease that is lost already is no error. */
  release(): Promise<void>;
}

export type LeaseState = Readonly<{
  name: string;
  token: number;
  holder: string;
  /** Unless it is renewed, it ends after so long. */
  leftMs: number;
  held: boolean;
}>;

export type ReadQuery = Readonly<{
  /** One stream; without it, all. */
  stream?: string;
  /** All streams whose name starts so. Not together with `stream`. */
  prefix?: string;
  /** Events after this position (of all streams). Default 0: from the beginning. */
  after?: number;
  /** At most so many. Default: 10,000. Read on with `after`. */
  limit?: number;
}>;

/**
 * What happened. The contract for every implementation; `test/timeline/conformance.ts` holds it against each.
 *
 * - `append` returns after the events are on disk (fsync), or throws and nothing of them was written. All of one call
 *   or none. A stale `expectedVersion` throws VERSION_CONFLICT. Concurrent appends share one fsync.
 * - With `under`, the append happens only while that lease is held, checked in the same transaction; otherwise
 *   LEASE_LOST.
 * - Positions grow in the order in which events become visible: a reader that has seen position n never later finds
 *   a new event at a position below n.
 * - `subscribe` yields every event after a position, in order, once each, also those that another process appends, and
 *   ends when the signal is aborted.
 * - `lease` answers undefined while another holder has it. A lease ends when its ttl runs out, by a clock that no step of
 *   the wall clock moves, or when its holder is known to be dead.
 * - Killed at any instant, no acknowledged event is lost, none is doubled, no stream has a gap.
 */
export interface Timeline {
  append(
    stream: string,
    expectedVersion: ExpectedVersion,
    events: readonly NewEvent[],
    under?: Lease,
  ): Promise<readonly Event[]>;
  read(query?: ReadQuery): Promise<readonly Event[]>;
  /** Names of the streams that start with `prefix`, in the order of their first event. */
  streams(prefix: string): Promise<readonly string[]>;
  /** The position of the last event; 0 when there is none. */
  position(): Promise<number>;
  subscribe(after: number, signal: AbortSignal): AsyncIterable<Event>;
  lease(name: string, ttlMs: number): Promise<Lease | undefined>;
  leaseState(name: string): Promise<LeaseState | undefined>;
  close(): Promise<void>;
}
