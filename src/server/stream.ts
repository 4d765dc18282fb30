import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { BlackstartError } from "../base/error.ts";
import type { Json } from "../base/json.ts";
import { scrubbed } from "../system/scrub.ts";
import type { Event, Timeline } from "../timeline/timeline.ts";

export type StreamOptions = Readonly<{
  /** A comment so often, so that proxies and clients see that it lives. Default 15 s. */
  keepAliveMs?: number;
  /** A reader who takes nothing for so long is cut. Default 10 s. */
  slowReaderMs?: number;
}>;

const keepAliveMsDefault = 15_000;
const slowReaderMsDefault = 10_000;
/** How long a parting word may take to leave before the connection is closed all the same. */
const partingMs = 500;

/**
 * Writes every event after a position to one reader, as server-sent events (WHATWG HTML, 9.2): `id` is the position,
 * `event` the kind, `data` the event. Ends when the reader goes, the signal is aborted, or the reader is too slow: then
 * it is told why, and can go on later where it stopped. Nothing is buffered here beyond the socket's own buffer: the
 * timeline is read on only when the reader has taken what there was.
 */
export async function streamEvents(
  response: ServerResponse,
  timeline: Timeline,
  after: number,
  ended: AbortSignal,
  options: StreamOptions = {},
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.on("error", () => gone.abort());
  const signal = AbortSignal.any([ended, gone.signal]);
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  response.write(`retry: 1000\n: after ${after}\n\n`);
  const keepAlive = setInterval(() => {
    if (!response.writableNeedDrain) response.write(": still here\n\n");
  }, options.keepAliveMs ?? keepAliveMsDefault);
  try {
    for await (const event of timeline.subscribe(after, signal)) {
      if (response.write(eventText(event))) continue;
      if (await isDrained(response, signal, options.slowReaderMs ?? slowReaderMsDefault)) continue;
      if (!signal.aborted) return part(response, "slow", tooSlow(event.position));
      break;
    }
    part(response, "closing", { next: "Blackstart ends. Connect again, with the last id." });
  } finally {
    clearInterval(keepAlive);
  }
}

function eventText(event: Event): string {
  return `id: ${event.position}\nevent: ${event.kind}\ndata: ${JSON.stringify(scrubbed(event as unknown as Json))}\n\n`;
}

async function isDrained(response: ServerResponse, signal: AbortSignal, withinMs: number): Promise<boolean> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  return once(response, "drain", { signal: limit }).then(
    () => true,
    () => false, // the limit, or the reader, or the server has ended it; the caller looks which
  );
}

function part(response: ServerResponse, event: string, data: object): void {
  if (response.destroyed) return;
  response.end(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const timer = setTimeout(() => response.destroy(), partingMs);
  timer.unref();
  response.once("close", () => clearTimeout(timer));
}

function tooSlow(position: number): object {
  return {
    code: "USAGE" satisfies BlackstartError["code"],
    what: "The stream was cut.",
    why: "You have taken nothing for too long, and what happens is not kept in memory for you.",
    next: `Connect again with the last id you have seen; position ${position} was being sent.`,
  };
}
