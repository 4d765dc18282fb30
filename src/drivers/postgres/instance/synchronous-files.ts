import { tellConfiguration } from "./next-start.ts";
import { type Place, runOrThrow } from "./place.ts";

/* For whom its commits wait, by the configuration files of a server that cannot be asked. */

export type ConfiguredSynchronous = Readonly<{ synchronousStandbyNames: string; synchronousCommit: string }>;

/**
 * Every line that sets one of them, the last one wins; fails where a file cannot be read.
 * @param $1 the data directory
 * @param $2 the configuration file; empty: the one in the data directory
 */
export const configurationScript = `
data=$1 config=$2 said='synchronous.(standby.names|commit)'
${tellConfiguration}
told=$(tell_configuration)
case $told in *'closed\t'*) exit 1 ;; esac
printf '%s\\n' "$told"
`;

/** In postmaster.opts: "-c" "synchronous_commit=off", or "--synchronous-commit=off". */
const onCommandLine = /"(?:--)?synchronous[_-](standby[_-]names|commit)=([^"]*)"/g;

/** From the script's output. Pure. */
export function synchronousIn(configuration: string): ConfiguredSynchronous {
  const lines = configuration.replace(/^(?:set\t[^\t]*|started)\t/gm, "");
  const settings = lines.replace(
    onCommandLine,
    (_, name: string, value: string) => `\nsynchronous_${name.replace("-", "_")} = '${value}'\n`,
  );
  return {
    synchronousStandbyNames: settingIn(settings, "synchronous_standby_names") ?? "",
    synchronousCommit: settingIn(settings, "synchronous_commit") ?? "on",
  };
}

/** Throws HOST_COMMAND_FAILED where they cannot be read. */
export async function configuredSynchronous(place: Place): Promise<ConfiguredSynchronous> {
  const { stdout } = await runOrThrow(place, "reading its configuration files", {
    script: configurationScript,
    args: [place.dataDirectory, place.configFile ?? ""],
    as: place.dataDirectory,
    timeoutMs: 5000,
  });
  return synchronousIn(stdout);
}

/** The value of the last line that sets it. */
function settingIn(configuration: string, name: string): string | undefined {
  const line = new RegExp(`^[ \\t]*${name}[ \\t]*=?[ \\t]*(?:'((?:[^']|'')*)'|([^\\s#']+))`, "gim");
  const last = [...configuration.matchAll(line)].at(-1);
  return last === undefined ? undefined : (last[1]?.replaceAll("''", "'") ?? last[2]);
}
