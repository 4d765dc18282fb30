import { type Place, runOrThrow } from "./place.ts";

/* For whom its commits wait, by the configuration files of a server that cannot be asked. */

export type ConfiguredSynchronous = Readonly<{ synchronousStandbyNames: string; synchronousCommit: string }>;

/**
 * Its files in the order in which the server reads them, so that the last line wins: postgresql.conf, what it includes
 * (one level deep), postgresql.auto.conf, and last the command line.
 * @param $1 the data directory
 * @param $2 the configuration file; empty: the one in the data directory
 */
export const configurationScript = String.raw`
data=$1 config=$2
[ -n "$config" ] || config=$data/postgresql.conf
cat -- "$config" && echo || exit 1
cd "$(dirname "$config")" || exit 1
sed -n "s/^[[:space:]]*include[a-z_]*[[:space:]=]*'\([^']*\)'.*/\1/p" "$config" | while IFS= read -r included; do
  if [ -d "$included" ]; then cat -- "$included"/*.conf; else cat -- "$included"; fi 2>/dev/null
  echo
done
cat -- "$data/postgresql.auto.conf" && echo || exit 1
cat -- "$data/postmaster.opts" 2>/dev/null
exit 0
`;

/** In postmaster.opts: "-c" "synchronous_commit=off", or "--synchronous_commit=off". */
const onCommandLine = /"(?:--)?(synchronous_\w+)=([^"]*)"/g;

/** From the script's output. Pure. */
export function synchronousIn(configuration: string): ConfiguredSynchronous {
  const settings = configuration.replace(onCommandLine, "\n$1 = '$2'\n");
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
