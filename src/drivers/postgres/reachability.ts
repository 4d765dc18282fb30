import { BlackstartError, messageOf } from "../../base/error.ts";

/**
 * What one failed attempt to connect, or one failed query, says of a server. The one verdict that watch, mitigate,
 * recover and reproduce share. None of them but `closed` says that no server runs there, and `closed` only that none
 * listens at this address; and no answer is never a “no”.
 *
 * - `closed`: the machine answers, and nothing listens at the address (ECONNREFUSED, or no such Unix socket).
 * - `starting`: it said that it starts up or shuts down, or went away while it was asked (57P01, 57P02, 57P03).
 * - `refused`: it is alive, and would not let us in, or not do what was asked. `sqlstate` says why.
 * - `broken`: something accepts connections and breaks them off: a server that crashes, a proxy without a server behind.
 * - `silent`: no answer within the time that was given. It hangs, is overloaded, or the network to it is cut.
 * - `unreachable`: the network says that there is no way there, or the name has no address.
 */
export type Reachability = Readonly<{
  kind: "closed" | "starting" | "refused" | "broken" | "silent" | "unreachable";
  /** The server's own words, or the network's, without the address. */
  detail: string;
  sqlstate?: string;
}>;

/** @param error what `connect` or `query` threw */
export function reachabilityOf(error: unknown): Reachability {
  const details = error instanceof BlackstartError ? error.details : {};
  const detail = detailOf(error);
  if (typeof details.sqlstate === "string") {
    const kind = goneStates.has(details.sqlstate) ? "starting" : "refused";
    return { kind, detail, sqlstate: details.sqlstate };
  }
  const errno = typeof details.errno === "string" ? details.errno : undefined;
  if (details.timeoutMs !== undefined) return { kind: "silent", detail };
  const kind = errno === undefined ? kindOfMessage(detail) : kinds[errno];
  // What the driver or the operating system says otherwise (TLS, a protocol error): somebody is there.
  return kind === undefined ? { kind: "refused", detail, sqlstate: errno ?? "" } : { kind, detail };
}

/** 57P01 admin_shutdown and 57P02 crash_shutdown may hit the attempt itself; 57P03 is cannot_connect_now. */
const goneStates: ReadonlySet<string> = new Set(["57P01", "57P02", "57P03"]);

const kinds: Readonly<Record<string, Reachability["kind"]>> = {
  ECONNREFUSED: "closed",
  ENOENT: "closed",
  ECONNRESET: "broken",
  EPIPE: "broken",
  ECONNABORTED: "broken",
  ETIMEDOUT: "silent",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETDOWN: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
};

/** The driver gives these no code. */
function kindOfMessage(message: string): Reachability["kind"] | undefined {
  if (/timeout expired|due to connection timeout/i.test(message)) return "silent";
  return /terminated|socket hang up|ended/i.test(message) ? "broken" : undefined;
}

/** The server's own words, without the address that the driver's error puts before them. */
function detailOf(error: unknown): string {
  if (!(error instanceof BlackstartError)) return messageOf(error);
  return error.cause === undefined ? error.message : messageOf(error.cause);
}
