import { once } from "node:events";
import { BlackstartError } from "../../base/error.ts";
import { type Group, startGroup } from "./group.ts";

const readyTimeoutMs = 30_000;

/** Of a program that has ended although the trial has not: what it said. */
export type Programs = Readonly<{ ended(): string | undefined }>;

/**
 * Starts the scenario's own services and returns when each has written its first line.
 * @param begun ends them, the last first
 */
export async function startPrograms(
  commands: readonly string[],
  environment: Readonly<Record<string, string>>,
  begun: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Programs> {
  const gone: string[] = [];
  const groups = commands.map((command) => {
    const group = startGroup(command, environment);
    begun.defer(() => group.end());
    void group.exited.then(
      (code) => gone.push(`${named(command)} ended with ${code}: ${group.said() || "it said nothing"}`),
      (error: Error) => gone.push(`${named(command)} could not be started: ${error.message}`),
    );
    return { command, group };
  });
  for (const { command, group } of groups) await ready(command, group, signal);
  return { ended: () => gone[0] };
}

async function ready(command: string, group: Group, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(readyTimeoutMs)]);
  const why = await Promise.race([
    group.firstLine.then(() => undefined),
    group.exited.then((code) => `It ended with ${code}: ${group.said() || "it said nothing"}`),
    once(limit, "abort").then(() => `It wrote nothing within ${readyTimeoutMs / 1000} s.`),
  ]);
  signal.throwIfAborted();
  if (why === undefined) return;
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: `A program of the scenario is not ready: ${named(command)}`,
    why,
    next: "Run it by hand; when it is ready it must write a line.",
  });
}

function named(command: string): string {
  return command.trim().split("\n", 1)[0] ?? "";
}
