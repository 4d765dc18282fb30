import type { Event, ReadQuery, Timeline } from "./timeline.ts";

const pageSize = 10_000;

/** Everything that matches, page by page: one answer never holds more than a page's worth in the store's hands. */
export async function readAll(timeline: Timeline, query: Omit<ReadQuery, "limit"> = {}): Promise<readonly Event[]> {
  const all: Event[] = [];
  let after = query.after ?? 0;
  for (;;) {
    const page = await timeline.read({ ...query, after, limit: pageSize });
    for (const event of page) all.push(event);
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return all;
    after = last.position;
  }
}
