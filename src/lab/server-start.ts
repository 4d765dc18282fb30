import { spawn } from "node:child_process";
import { chownSync, closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";
import { serverAccount, spawnAs } from "./account.ts";
import { serverProcessesIn } from "./processes.ts";

/** Where a server's stderr goes: beside its data directory, so that nothing that rewinds or clones it takes the log. */
export function logFileOf(dataDirectory: string): string {
  return `${dataDirectory}.log`;
}

/**
 * Starts `postgres` itself, in a session of its own so that it outlives this process and its terminal, and waits until
 * its log says what is waited for. pg_ctl would ask in steps of 100 ms.
 */
export async function startServer(
  server: { name: string; binaries: string; dataDirectory: string },
  ready: RegExp,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const account = serverAccount();
  // A killed postmaster that its parent has not waited for yet still has its pid, and PostgreSQL takes it for alive.
  if (serverProcessesIn(server.dataDirectory).length === 0)
    rmSync(join(server.dataDirectory, "postmaster.pid"), { force: true });
  const logFile = logFileOf(server.dataDirectory);
  const log = openSync(logFile, "a");
  if (account !== undefined) chownSync(logFile, account.uid, account.gid);
  const from = readFileSync(logFile).length;
  const child = spawn(join(server.binaries, "postgres"), ["-D", server.dataDirectory], {
    ...spawnAs(account),
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, signal) => (ended = `it ended with ${signal ?? code}`));
  child.unref();

  const said = () => readFileSync(logFile).subarray(from).toString("utf8");
  const answer = await pollUntil(
    async () => (ready.test(said()) ? "ready" : ended !== undefined ? "ended" : undefined),
    { everyMs: 2, timeoutMs: options.timeoutMs, signal: options.signal },
  );
  if (answer === "ready") return;
  throw new BlackstartError("LAB_FAILED", {
    what: `The server ${server.name} did not start${ended === undefined ? ` within ${options.timeoutMs} ms` : `: ${ended}`}.`,
    why: `Its log says: ${said().trim().split("\n").slice(-8).join(" / ") || "nothing"}`,
    next: "If the log names a setting, leave it out; if it names memory or disk, make room.",
    details: { addressInUse: /Address already in use/.test(said()) },
  });
}

export const primaryReady = /database system is ready to accept connections/;
/** A standby is of use when it streams; that it accepts connections follows or came before. */
export const standbyStreams = /started streaming WAL from primary/;
/** "read only" up to 13, "read-only" since. */
export const standbyReady = /database system is ready to accept read[- ]only connections/;
