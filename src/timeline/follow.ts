import { delay } from "../base/time.ts";
import type { Event, Timeline } from "./timeline.ts";

const againMs = 1000;

/**
 * Every event after this position until the signal, in order, once each, also where the timeline cannot be read for a while:
 * then from where it was, after a pause.
 * @param failed told of each read that failed
 */
export async function* followed(
  timeline: Pick<Timeline, "subscribe">,
  after: number,
  signal: AbortSignal,
  failed: (error: unknown) => void,
): AsyncGenerator<Event> {
  let position = after;
  while (!signal.aborted) {
    try {
      for await (const event of timeline.subscribe(position, signal)) {
        position = event.position;
        yield event;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      await delay(againMs, signal).catch(() => undefined /* it is over: the loop sees it */);
    }
  }
}
