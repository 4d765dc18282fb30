import { spawn } from "node:child_process";
import { once } from "node:events";
import { BlackstartError } from "../../base/error.ts";

/** The scenario's own services while a trial runs. */
export interface Programs {
  stop(): Promise<void>;
}

const readyTimeoutMs = 30_000;
const saidMax = 2000;

/**
 * Starts them and returns when each has written its first line. Each is a group of its own, ended as a whole; its standard
 * input is held, so that one that reads it ends also when we are killed.
 */
export async function startPrograms(
  commands: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Programs> {
  const started: Awaited<ReturnType<typeof start>>[] = [];
  const stop = async () => {
    for (const one of started) await one.stop();
  };
  try {
    for (const command of commands) started.push(start(command, environment));
    for (const one of started) await one.ready(signal);
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function start(command: string, environment: Readonly<Record<string, string>>) {
  const child = spawn("sh", ["-c", command], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  child.stdin.on("error", () => undefined /* it does not read; that is its affair */);
  let said = "";
  const firstLine = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said = (said + chunk).slice(-saidMax);
      if (said.includes("\n")) firstLine.resolve();
    });
  const exited = once(child, "close");
  return {
    async ready(signal: AbortSignal) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(readyTimeoutMs)]);
      const over = once(limit, "abort").then(() => "it wrote nothing in time");
      const why = await Promise.race([
        firstLine.promise.then(() => undefined),
        exited.then(() => `it ended: ${said.trim() || "it said nothing"}`),
        over,
      ]);
      signal.throwIfAborted();
      if (why === undefined) return;
      throw new BlackstartError("HOST_COMMAND_FAILED", {
        what: `A program of the scenario is not ready: ${command.trim().split("\n", 1)[0]}`,
        why,
        next: "Run it by hand; when it is ready it must write a line.",
      });
    },
    async stop() {
      child.stdin.end();
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, "SIGKILL");
      await exited;
    },
  };
}
