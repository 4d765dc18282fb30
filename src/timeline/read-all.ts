import type { Event, ReadQuery, Timeline } from "./timeline.ts";

const eventsPerRead = 10_000;

/** Everything that matches, read in portions: `read` alone answers at most its limit. */
export async function readAll(timeline: Timeline, query: Omit<ReadQuery, "limit">): Promise<readonly Event[]> {
  const events: Event[] = [];
  let after = query.after ?? 0;
  for (;;) {
    const some = await timeline.read({ ...query, after, limit: eventsPerRead });
    for (const event of some) events.push(event);
    if (some.length < eventsPerRead) return events;
    after = some.at(-1)?.position ?? after;
  }
}
