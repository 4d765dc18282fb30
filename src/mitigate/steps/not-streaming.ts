import { BlackstartError } from "../../base/error.ts";
import type { Instance } from "../../drivers/postgres/instance.ts";

/** Why a standby that runs does not stream, in the words of its own log where its host can be asked. */
export async function whyNotStreaming(instance: Instance | undefined, withinMs: number): Promise<string> {
  const what = `It runs, but does not stream within ${withinMs / 1000} s.`;
  if (instance === undefined) return `${what} Its log says why; no host is declared by which Blackstart could read it.`;
  try {
    const { file, lines } = await instance.lastErrors();
    return lines.length === 0
      ? `${what} Its log (${file}) names no error.`
      : `${what} Its log (${file}): ${lines.join(" / ")}`;
  } catch (error) {
    if (error instanceof BlackstartError) return `${what} Its log could not be read: ${error.message}`;
    throw error;
  }
}
