import { BlackstartError } from "../../../base/error.ts";
import type { DiskEnd, Remains } from "../instance.ts";
import { commandLineScript, optionsIn } from "./command-line.ts";
import { diskEnd, diskEndFrom, diskEndScript } from "./disk-end.ts";
import { identityFrom, identityScript } from "./identity.ts";
import { inspectScript, stateFrom } from "./inspect.ts";
import { type Place, runOrThrow } from "./place.ts";
import {
  type ConfiguredSynchronous,
  configurationScript,
  configuredSynchronous,
  synchronousIn,
} from "./synchronous-files.ts";

/** Each in a shell of its own: it may end it. Only what succeeds has its last line. */
const script = [inspectScript, identityScript, diskEndScript, configurationScript, commandLineScript]
  .map((part) => `(${part}) 2>/dev/null && printf '\\036'; printf '\\035'`)
  .join("\n");

/** See `Instance.remains`. All in one, because to start a program takes as long as to look, and clients wait. */
export async function remains(place: Place): Promise<Remains> {
  const { stdout } = await runOrThrow(place, "looking at its processes and files", {
    script,
    args: [place.dataDirectory, place.configFile ?? ""],
    timeoutMs: 5000,
  });
  const [processes, whose, files, configuration, started] = stdout.split("\x1d").map(whole);
  const state = stateFrom(processes ?? "");
  const identity = identityFrom(whose ?? "");
  if (state.state === "no-data") return { state, identity };
  // Files that the superuser may not read are its own account's to read (a network file system that maps root away).
  const [disk, configured] = await Promise.all([
    readable<DiskEnd>(async () => (files === undefined ? diskEnd(place) : diskEndFrom(place, files))),
    readable<ConfiguredSynchronous>(async () =>
      configuration === undefined ? configuredSynchronous(place) : synchronousIn(configuration),
    ),
  ]);
  const isUnrepeatable = place.start === undefined && started !== undefined && optionsIn(started) === undefined;
  return {
    state,
    identity,
    ...(disk && { disk }),
    ...(configured && { configured }),
    ...(isUnrepeatable && { unrepeatable: true as const }),
  };
}

function whole(part: string): string | undefined {
  return part.endsWith("\x1e") ? part.slice(0, -1) : undefined;
}

/** Undefined where it cannot be read: it tells nothing then, and nothing is concluded from it. */
async function readable<T>(reading: () => Promise<T>): Promise<T | undefined> {
  try {
    return await reading();
  } catch (error) {
    if (error instanceof BlackstartError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
