import { once } from "node:events";
import { startGroup } from "./group.ts";
import type { World } from "./world.ts";

const timeoutMs = 60_000;

/**
 * Runs a command of the scenario's own and answers with its exit code. What it says goes into the trial's moments, its last
 * lines only. What it puts into the background ends with the trial.
 */
export async function runCommand(command: string, { lab, environment, begun, signal, say }: World): Promise<number> {
  const group = startGroup(command, { ...environment, BLACKSTART_CLIENT_URL: (await lab.clientUrl()) ?? "" });
  begun.defer(() => group.end());
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const code = await Promise.race([group.exited, once(limit, "abort").then(() => undefined)]);
  signal.throwIfAborted();
  const said = group.said();
  if (said !== "") say(`the command said: ${said}`);
  if (code !== undefined) return code;
  await group.end();
  say(`the command took longer than ${timeoutMs / 1000} s and was ended`);
  return 128;
}
