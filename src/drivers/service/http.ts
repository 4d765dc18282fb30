import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { sentence } from "./tcp.ts";

/** Good when the answer's status is 2xx. Redirects are followed, five at most, within the one time limit. */
export function httpProbe(url: string): Probe {
  return async (timeoutMs) => {
    const startedMs = performance.now();
    const result = (outcome: ProbeResult["outcome"], detail: string) => ({
      outcome,
      detail,
      tookMs: performance.now() - startedMs,
    });
    try {
      const { status } = await get(url, timeoutMs, { bodyBytesMax: 0 });
      const good = status >= 200 && status < 300;
      return result(good ? "good" : "bad", `It answers with status ${status}.`);
    } catch (error) {
      return result("bad", error instanceof BlackstartError ? error.message : sentence(error));
    }
  };
}

/**
 * GET, without a pool: a kept connection would go on working with a process that takes no new ones. Throws UNREACHABLE
 * when there is no whole answer within the time limit, and the socket's own error when it breaks.
 * @param options.bodyBytesMax how much of the body is kept; 0: it is not waited for
 */
export async function get(
  url: string,
  timeoutMs: number,
  options: { bodyBytesMax: number },
): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    let next = new URL(url);
    for (let hops = 0; hops <= redirectsMax; hops++) {
      const answer = await once(next, signal, options.bodyBytesMax);
      if (answer.location === undefined) return answer;
      next = new URL(answer.location, next);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw unreachable(`It did not answer within ${timeoutMs} ms.`, messageOf(error));
  }
  throw unreachable(`It redirects more than ${redirectsMax} times.`, "The redirects go round in a circle.");
}

const redirectsMax = 5;

function once(
  url: URL,
  signal: AbortSignal,
  bodyBytesMax: number,
): Promise<{ status: number; body: string; location?: string }> {
  const request = url.protocol === "https:" ? requestSecure : requestPlain;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      agent: false,
      signal,
      headers: { "user-agent": "blackstart", connection: "close" },
    });
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      const status = incoming.statusCode ?? 0;
      const location = status >= 300 && status < 400 ? incoming.headers.location : undefined;
      const done = (body: string) => {
        resolve({ status, body, ...(location === undefined ? {} : { location }) });
        // An error after the answer must find somebody who hears it.
        outgoing.on("error", () => undefined);
        outgoing.destroy();
      };
      if (bodyBytesMax === 0 || location !== undefined) return done("");
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > bodyBytesMax) done(body);
      });
      incoming.once("end", () => done(body));
      incoming.once("error", reject);
    });
    outgoing.end();
  });
}

function unreachable(what: string, why: string): BlackstartError {
  return new BlackstartError("UNREACHABLE", {
    what,
    why,
    next: "See whether the service runs, and what its log says.",
  });
}
