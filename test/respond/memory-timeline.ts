import { BlackstartError } from "../../src/base/error.ts";
import { assertStorable, dataText } from "../../src/timeline/data.ts";
import type { Event, ExpectedVersion, Lease, NewEvent, ReadQuery, Timeline } from "../../src/timeline/timeline.ts";

/**
 * A timeline in memory, for tests of what is decided rather than of what is stored: it can be told to fail, and it
 * shows the events. Not durable, one process, and so no store of the product.
 */
export type MemoryTimeline = Timeline & {
  readonly events: Event[];
  /** Called before each append; what it throws, the append throws. It may append itself: a rival that was faster. */
  before: ((stream: string, events: readonly NewEvent[]) => Promise<void> | void) | undefined;
  now: () => string;
};

export function memoryTimeline(): MemoryTimeline {
  const events: Event[] = [];
  const leases = new Map<string, { token: number; holder: string }>();
  const waiting = new Set<() => void>();
  const timeline: MemoryTimeline = {
    events,
    before: undefined,
    now: () => new Date().toISOString(),
    async append(stream, expectedVersion, added) {
      assertStorable(stream, added);
      for (const event of added) dataText(event);
      await timeline.before?.(stream, added);
      return appendTo(events, stream, expectedVersion, added, timeline.now, waiting);
    },
    read: async (query = {}) => events.filter((event) => matches(event, query)).slice(0, query.limit ?? 10_000),
    streams: async (prefix) =>
      [...new Set(events.map(({ stream }) => stream))].filter((name) => name.startsWith(prefix)),
    position: async () => events.length,
    async *subscribe(after, signal) {
      let next = after;
      while (!signal.aborted) {
        const event = events[next];
        if (event !== undefined) {
          next += 1;
          yield event;
          continue;
        }
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          waiting.add(wake);
          signal.addEventListener("abort", wake, { once: true });
        });
      }
    },
    async lease(name) {
      if (leases.has(name)) return undefined;
      const lease: Lease = {
        name,
        token: 1,
        holder: "memory",
        renew: async () => undefined,
        release: async () => void leases.delete(name),
      };
      leases.set(name, lease);
      return lease;
    },
    async leaseState(name) {
      const held = leases.get(name);
      return held && { name, ...held, leftMs: 10_000, held: true };
    },
    close: async () => undefined,
  };
  return timeline;
}

function appendTo(
  events: Event[],
  stream: string,
  expectedVersion: ExpectedVersion,
  added: readonly NewEvent[],
  now: () => string,
  waiting: ReadonlySet<() => void>,
): readonly Event[] {
  const version = events.filter((event) => event.stream === stream).length;
  if (expectedVersion !== "any" && expectedVersion !== version)
    throw new BlackstartError("VERSION_CONFLICT", {
      what: `${stream} is at version ${version}, not ${expectedVersion}.`,
      why: "Somebody else appended first.",
      next: "Read again.",
    });
  const stored = added.map((event, index) => ({
    stream,
    version: version + index + 1,
    position: events.length + index + 1,
    at: event.at ?? now(),
    by: event.by,
    kind: event.kind,
    // As a store would give it back: a copy, and only what JSON can hold.
    data: JSON.parse(JSON.stringify(event.data)),
  }));
  events.push(...stored);
  for (const wake of [...waiting]) wake();
  return stored;
}

function matches(event: Event, query: ReadQuery): boolean {
  return (
    event.position > (query.after ?? 0) &&
    (query.stream === undefined || event.stream === query.stream) &&
    (query.prefix === undefined || event.stream.startsWith(query.prefix))
  );
}
