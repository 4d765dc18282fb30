import { once } from "node:events";
import { BlackstartError } from "../../base/error.ts";
import { systemClock } from "../../base/time.ts";
import { startGroup } from "../trial/group.ts";
import type { RunTrial } from "../trial/series.ts";

/** As `git bisect run` has it: this trial says nothing. */
const skipped = 125;

/**
 * A trial that is somebody else's: a shell command that ends with 0 when the symptom showed, with 125 when it cannot tell,
 * with anything else below 126 when it did not show. The factors are in BLACKSTART_FACTORS, separated by blanks.
 */
export function commandOracle(command: string, timeoutMs: number): RunTrial {
  return async (configuration, signal) => {
    const startedMs = performance.now();
    const at = systemClock.now();
    const group = startGroup(command, { BLACKSTART_FACTORS: configuration.join(" ") });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const code = await Promise.race([group.exited, once(limit, "abort").then(() => undefined)]).finally(group.end);
    signal.throwIfAborted();
    if (code !== undefined && code > skipped) throw broken(command, code, group.said());
    const tookMs = Math.round(performance.now() - startedMs);
    const how = code === undefined ? `took longer than ${timeoutMs} ms` : `ended with exit code ${code}`;
    const said = group.said();
    return {
      configuration,
      outcome: code === undefined || code === skipped ? "unresolved" : code === 0 ? "reproduced" : "not-reproduced",
      tookMs,
      moments: [{ atMs: tookMs, what: said === "" ? how : `${how}: ${said}` }],
      at,
    };
  };
}

/** 126 and 127 are the shell's own: the command cannot be run. From 128 on it was ended by a signal. */
function broken(command: string, code: number, said: string): BlackstartError {
  return new BlackstartError("HOST_COMMAND_FAILED", {
    what: `The oracle ended with exit code ${code}: ${command.trim().split("\n", 1)[0]}`,
    why: said || (code === 127 ? "The shell does not find it." : "It said nothing."),
    next: "An oracle ends with 0 (the symptom shows), 125 (this says nothing), or another code below 126 (it does not show).",
  });
}
