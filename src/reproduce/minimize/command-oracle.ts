import { spawn } from "node:child_process";
import { systemClock } from "../../base/time.ts";
import type { RunTrial } from "../trial/series.ts";

/** As `git bisect run` has it: this trial says nothing. */
const skipped = 125;
const saidMax = 2000;

/**
 * A trial that is somebody else's: a shell command that ends with 0 when the symptom showed, with 125 when it cannot tell,
 * with anything else when it did not show. The factors are in BLACKSTART_FACTORS, separated by blanks.
 */
export function commandOracle(command: string, timeoutMs: number): RunTrial {
  return async (configuration, signal) => {
    signal.throwIfAborted();
    const startedMs = performance.now();
    const at = systemClock.now();
    // A group of its own, so that what it started ends with it.
    const child = spawn("sh", ["-c", command], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, BLACKSTART_FACTORS: configuration.join(" ") },
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (said = (said + chunk).slice(-saidMax)));
    let late = false;
    const end = () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(() => {
      late = true;
      end();
    }, timeoutMs);
    signal.addEventListener("abort", end, { once: true });
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => resolve(exitCode ?? skipped));
    }).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    });
    signal.throwIfAborted();
    const what = late ? `took longer than ${timeoutMs} ms` : `ended with exit code ${code}`;
    const tookMs = Math.round(performance.now() - startedMs);
    return {
      configuration,
      outcome: late || code === skipped ? "unresolved" : code === 0 ? "reproduced" : "not-reproduced",
      tookMs,
      moments: [{ atMs: tookMs, what: said.trim() === "" ? what : `${what}: ${said.trim()}` }],
      at,
    };
  };
}
