import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Socket } from "node:net";

/** A shell command with all that it starts. */
export interface Group {
  /** The exit code of the command itself, also while what it has put into the background goes on; 128 and more: a signal. */
  readonly exited: Promise<number>;
  /** Settles with the first line that was written. */
  readonly firstLine: Promise<void>;
  /** The last of what was said on both outputs. */
  said(): string;
  /** Ends everything that the command has started and that still runs. Doing it twice is no error. */
  end(): Promise<void>;
}

const saidMax = 4000;

/**
 * Ends the group when the other end of descriptor 3 is closed, as it is when we are killed, and becomes the command, which
 * knows nothing of it.
 */
const guarded = '(read -r _ <&3; kill -s KILL -- "-$$") </dev/null >/dev/null 2>&1 & exec sh -c "$0" 3<&-';

/**
 * Starts it as a process group of its own, which does not outlive us, also where we are killed. Its standard input
 * is empty, and open as long as it runs.
 */
export function startGroup(command: string, environment: Readonly<Record<string, string>>): Group {
  const child = spawn("sh", ["-c", guarded, command], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  }) as ChildProcessWithoutNullStreams;
  const [, , , guard] = child.stdio;
  for (const stream of [child.stdin, guard as Socket])
    stream.on("error", () => undefined /* it does not read; that is its affair */);
  let said = "";
  const firstLine = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said = (said + chunk).slice(-saidMax);
      if (said.includes("\n")) firstLine.resolve();
    });
  // Not `close`: that waits for whoever holds the pipes, and what is in the background holds them for as long as it likes.
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 128));
  });
  exited.catch(() => undefined); // Told to whoever waits for it.
  return {
    exited,
    firstLine: firstLine.promise,
    said: () => said.trim(),
    async end() {
      child.stdin.end();
      if (child.pid !== undefined) killGroup(child.pid);
      await exited.catch(() => undefined /* it never began */);
      for (const stream of [child.stdout, child.stderr, guard as Socket]) stream.destroy();
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // All of it has ended.
  }
}
