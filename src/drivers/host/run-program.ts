import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { BlackstartError } from "../../base/error.ts";
import type { HostResult } from "./host.ts";

export type ProgramRun = Readonly<{
  program: string;
  args: readonly string[];
  input: string;
  timeoutMs: number;
  environment: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** The host's reference, for messages. */
  where: string;
  signal?: AbortSignal | undefined;
  /** Called when the time is up or the signal aborted, before the error is thrown: to end what runs elsewhere. */
  onCutShort?: (said: string) => Promise<void>;
}>;

const keptBytes = 1024 * 1024;
/** A server started in the background may hold our pipes open; what was said before the end has arrived by then. */
const drainMs = 50;

/** Runs a program in a session of its own, so that a Ctrl-C at our terminal does not reach it and it can be ended whole. */
export async function runProgram(run: ProgramRun): Promise<HostResult> {
  run.signal?.throwIfAborted();
  const child = spawn(run.program, run.args, {
    cwd: "/",
    env: run.environment,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(run.uid === undefined ? {} : { uid: run.uid }),
    ...(run.gid === undefined ? {} : { gid: run.gid }),
  });
  const stdout = keep(child.stdout);
  const stderr = keep(child.stderr);
  child.stdin.on("error", () => undefined /* it ended without reading its input; its exit code says why */);
  child.stdin.end(run.input);
  const code = await ended(child, run).catch((error) => {
    throw failed(run, "cannot be run there", (error as Error).message);
  });
  if (code === "timeout" || code === "aborted") {
    await run.onCutShort?.(stderr());
    killGroup(child);
    run.signal?.throwIfAborted();
    throw failed(run, `ran longer than ${run.timeoutMs} ms and was ended`, "It hangs, or the machine is overloaded.");
  }
  return { code, stdout: stdout(), stderr: stderr() };
}

/** The exit code; 128 and more for a signal, as a shell tells it. */
function ended(
  child: ChildProcess,
  { timeoutMs, signal: stop }: Pick<ProgramRun, "timeoutMs" | "signal">,
): Promise<number | "timeout" | "aborted"> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve("timeout"), timeoutMs);
    const onAbort = () => resolve("aborted");
    stop?.addEventListener("abort", onAbort, { once: true });
    const unwatch = () => {
      clearTimeout(timer);
      stop?.removeEventListener("abort", onAbort);
    };
    child.once("error", (error) => {
      unwatch();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      unwatch();
      const answer = () => resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15));
      // The event loop may have been delayed since: it reads the pipes, which hold all that was said, before an immediate.
      const drain = setTimeout(() => setImmediate(give), drainMs);
      const give = () => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        answer();
      };
      child.once("close", () => {
        clearTimeout(drain);
        answer();
      });
    });
  });
}

/** Reads on when enough is kept: a full pipe would stop the program. */
function keep(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    if (bytes >= keptBytes) return;
    chunks.push(chunk.subarray(0, keptBytes - bytes));
    bytes += chunk.length;
  });
  stream.on("error", () => undefined /* destroyed by us, or gone with the program */);
  return () => Buffer.concat(chunks).toString("utf8");
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It ended at the last moment.
  }
}

function failed(run: ProgramRun, what: string, why: string): BlackstartError {
  return new BlackstartError("HOST_COMMAND_FAILED", {
    what: `A command on ${run.where} ${what}.`,
    why,
    next: "See whether the machine answers, and what runs there.",
    details: { host: run.where, timeoutMs: run.timeoutMs },
  });
}
