import { BlackstartError } from "../../../base/error.ts";
import type { Host, HostCommand, HostResult } from "../../host/host.ts";

/** One data directory and what is known of it from the system file and from when its server last answered. */
export type Place = Readonly<{
  host: Host;
  node: string;
  dataDirectory: string;
  /** Where postgresql.conf lies, if not in the data directory (Debian). */
  configFile: string | undefined;
  /** The directory of the server's programs, from the system file. */
  binaries: string | undefined;
  /** Shell commands of the system file, in place of our own. */
  start: string | undefined;
  stop: string | undefined;
}>;

/** The words with which the server was started last, each in double quotes. */
const startedWith = `
[ -e "$1/postgresql.conf" ] || sed -n 's/.*"config_file=\\([^"]*\\)".*/\\1/p' "$1/postmaster.opts" 2>/dev/null
exit 0
`;

/** A server that was never seen running can still tell where its configuration lies, if that is elsewhere. */
export async function withConfigFile(place: Place): Promise<Place> {
  if (place.configFile !== undefined) return place;
  const { dataDirectory } = place;
  const { stdout } = await runOrThrow(place, "looking where its configuration lies", {
    script: startedWith,
    args: [dataDirectory],
    timeoutMs: 5000,
  });
  return { ...place, configFile: stdout.trim() || undefined };
}

/** Runs a script that must succeed; its last lines are the reason when it does not. */
export async function runOrThrow(place: Place, doing: string, command: HostCommand): Promise<HostResult> {
  const result = await place.host.run(command);
  if (result.code === 0) return result;
  throw commandFailed(place, doing, result);
}

export function commandFailed(place: Place, doing: string, result: HostResult, next?: string): BlackstartError {
  const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-12).join("\n");
  return new BlackstartError("HOST_COMMAND_FAILED", {
    what: `${place.node} on ${place.host.reference.replace(/:$/, "")}: ${doing} failed.`,
    why: said || `The command ended with ${result.code} and said nothing.`,
    next: next ?? `Look at ${place.dataDirectory} on that machine.`,
    details: { host: place.host.reference, node: place.node, exitCode: result.code },
  });
}

/** A path beside the data directory: `/var/lib/postgresql/15/main.kept-…`. */
export function beside(place: Place, suffix: string): string {
  return `${place.dataDirectory.replace(/\/+$/, "")}.${suffix}`;
}
