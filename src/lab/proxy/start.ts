import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { LabRecord } from "../record.ts";
import { writeJson } from "../json-file.ts";
import { networkFile, readApplied } from "./network.ts";
import { routesOf } from "./proxied.ts";

const startTimeoutMs = 10_000;

/**
 * Starts the lab's proxy, where it is to have one, in a session of its own so that it outlives this process, and waits
 * until it listens.
 */
export async function startProxy(record: LabRecord): Promise<void> {
  if (routesOf(record).length === 0) return;
  writeJson(networkFile(record.directory), { revision: 0, nodes: {} });
  // Next to this file: `.ts` in the checkout, `.js` in the published package.
  const program = fileURLToPath(new URL(`./main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
  const logFile = join(record.directory, "proxy.log");
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, record.directory], {
    // Where it stands is how it is found again.
    cwd: record.directory,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let ended = false;
  for (const event of ["error", "exit"]) child.once(event, () => (ended = true));
  child.unref();
  const answer = await pollUntil(async () => (ended ? "ended" : readApplied(record.directory)), {
    everyMs: 2,
    timeoutMs: startTimeoutMs,
  });
  if (typeof answer === "object") return;
  if (!ended) child.kill("SIGKILL");
  const said = readFileSync(logFile, "utf8").trim();
  throw new BlackstartError("LAB_FAILED", {
    what: "The lab's proxy did not start.",
    why: said || "It said nothing.",
    next: "Try again; without `proxied` a lab needs none.",
    details: { addressInUse: said.includes("EADDRINUSE") },
  });
}
