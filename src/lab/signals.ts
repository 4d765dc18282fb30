import { pollUntil } from "../base/time.ts";

/**
 * SIGKILL to all of them. Stopped first: so a postmaster starts no others meanwhile, and what falls together falls at the
 * same moment.
 */
export function killTogether(processes: () => readonly Process[]): void {
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const { pid } of processes()) send(pid, signal);
}

type Process = Readonly<{ pid: number }>;

/** Kills until nothing is left: one may have started another between the look and the kill. False: something stayed. */
export async function endAll(processes: () => readonly Process[]): Promise<boolean> {
  killTogether(processes);
  const gone = await pollUntil(
    async () => {
      const left = processes();
      for (const { pid } of left) send(pid, "SIGKILL");
      return left.length === 0 ? true : undefined;
    },
    { everyMs: 2, timeoutMs: 10_000 },
  );
  return gone === true;
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It ended meanwhile.
  }
}
