import { spawn } from "node:child_process";
import type { World } from "./world.ts";

const timeoutMs = 60_000;

/**
 * Runs a command of the scenario's own and answers with its exit code. What it says goes into the trial's moments, its last
 * lines only. It is ended, with all that it started, when the trial is or when it takes too long.
 */
export async function runCommand(command: string, { lab, environment, signal, say }: World): Promise<number> {
  const child = spawn("sh", ["-c", command], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment, BLACKSTART_CLIENT_URL: (await lab.clientUrl()) ?? "" },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said = (said + chunk).slice(-2000)));
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(end, timeoutMs);
  signal.addEventListener("abort", end, { once: true });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? 128));
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    if (said.trim() !== "") say(`the command said: ${said.trim()}`);
  }
}
