import { optionsIn, settingsIn } from "./command-line.ts";
import { tellConfiguration } from "./next-start.ts";
import { type Place, runOrThrow } from "./place.ts";
import { settingInLine } from "./settings.ts";

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

/** Stands for a value that is set and cannot be read: as no setting of PostgreSQL it is understood nowhere. */
export const unreadable = "(set, but its value cannot be read)";

const mention = /synchronous[_-](?:standby[_-]names|commit)/gi;

/** From the script's output, in which the last one wins. What is set and cannot be read does not count as not set. Pure. */
export function synchronousIn(configuration: string): ConfiguredSynchronous {
  const found = new Map(configuration.split("\n").flatMap(settingsOf));
  return {
    synchronousStandbyNames: found.get("synchronous_standby_names") ?? "",
    synchronousCommit: found.get("synchronous_commit") ?? "on",
  };
}

function settingsOf(line: string): readonly (readonly [name: string, value: string])[] {
  const [kind = "", ...fields] = line.split("\t");
  const text = fields.slice(kind === "set" ? 1 : 0).join("\t");
  const mentioned = [...text.matchAll(mention)].map(([name]) => name.replaceAll("-", "_").toLowerCase());
  const set =
    kind === "set" ? [settingInLine(text)].filter((one) => one !== undefined) : settingsIn(optionsIn(text) ?? []);
  const told = set.filter(({ name }) => mentioned.includes(name));
  const isTold = kind === "set" ? told.length > 0 : told.length === mentioned.length;
  return isTold ? told.map(({ name, value }) => [name, value]) : mentioned.map((name) => [name, unreadable]);
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
