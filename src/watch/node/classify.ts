import { BlackstartError, messageOf } from "../../base/error.ts";
import type { NodeCondition } from "../facts.ts";

/**
 * What a refused or broken attempt to connect says of the server. `silent`: it said nothing until the time was over;
 * whether the machine still takes connections then tells a hang from a cut network.
 */
export function conditionOf(error: unknown, goodbye?: string): NodeCondition | Readonly<{ kind: "silent" }> {
  const details = error instanceof BlackstartError ? error.details : {};
  const detail = error instanceof BlackstartError ? causeOf(error) : messageOf(error);
  if (typeof details.sqlstate === "string") return conditionOfSqlstate(details.sqlstate, detail);
  const errno = typeof details.errno === "string" ? details.errno : undefined;
  if (details.timeoutMs !== undefined) return { kind: "silent" };
  if (errno === undefined) {
    // The driver gives these two no code.
    if (/timeout expired|due to connection timeout/i.test(detail)) return { kind: "silent" };
    if (/terminated|socket hang up|ended/i.test(detail)) return down("It ends every new connection.", goodbye);
    return { kind: "refused", sqlstate: "", detail };
  }
  if (refusedErrnos.has(errno)) return down("Nothing listens at its address (connection refused).", goodbye);
  if (brokenErrnos.has(errno)) return down("It breaks every new connection off.", goodbye);
  if (errno === "ETIMEDOUT") return { kind: "silent" };
  if (unreachableErrnos.has(errno)) return { kind: "unreachable", detail };
  return { kind: "refused", sqlstate: errno, detail };
}

/** Errors by which a server says why it lets nobody in. PostgreSQL documentation, “Error Codes”. */
function conditionOfSqlstate(sqlstate: string, detail: string): NodeCondition {
  // 57P01 admin_shutdown and 57P02 crash_shutdown may hit the attempt itself; 57P03 is cannot_connect_now.
  if (sqlstate === "57P01" || sqlstate === "57P02" || sqlstate === "57P03") return { kind: "starting", detail };
  return { kind: "refused", sqlstate, detail };
}

/** ENOENT: a Unix socket that is not there. */
const refusedErrnos: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT"]);
const brokenErrnos: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);
const unreachableErrnos: ReadonlySet<string> = new Set([
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

function down(detail: string, goodbye: string | undefined): NodeCondition {
  return { kind: "down", detail, ...(goodbye === undefined ? {} : { goodbye }) };
}

/** The server's own words, without the address that the driver's error puts before them. */
function causeOf(error: BlackstartError): string {
  return error.cause === undefined ? error.message : messageOf(error.cause);
}
