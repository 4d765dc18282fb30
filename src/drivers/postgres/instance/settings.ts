import { BlackstartError } from "../../../base/error.ts";
import { wordsOfLastStart } from "./command-line.ts";
import { beside, type Place, runOrThrow } from "./place.ts";

const timeoutMs = 10_000;

/** By rename, so that a server never starts with half of it. */
const writeScript = `
umask 077
cat >"$1/postgresql.auto.conf.blackstart" || exit 1
sync "$1/postgresql.auto.conf.blackstart" 2>/dev/null || sync
mv "$1/postgresql.auto.conf.blackstart" "$1/postgresql.auto.conf"
`;

export async function writeSettings(place: Place, settings: Readonly<Record<string, string>>): Promise<void> {
  const read = await runOrThrow(place, "reading postgresql.auto.conf", {
    script: 'cat "$1/postgresql.auto.conf" 2>/dev/null; [ -d "$1" ]',
    args: [place.dataDirectory],
    as: place.dataDirectory,
    timeoutMs,
  });
  await runOrThrow(place, "writing postgresql.auto.conf", {
    script: writeScript,
    args: [place.dataDirectory],
    as: place.dataDirectory,
    input: withSettings(read.stdout, settings),
    timeoutMs,
  });
}

/** By rename: a standby may read it at this moment. libpq takes no file that others can read. */
const passwordScript = `
umask 077
cat >"$2.new" && mv "$2.new" "$2"
`;

/** See `Instance.keepPassword`. Format: libpq's password file, in which `:` and `\\` are escaped. */
export async function keepPassword(place: Place, password: string): Promise<string> {
  const file = beside(place, "blackstart-pgpass");
  await runOrThrow(place, "writing a password file", {
    script: passwordScript,
    args: [place.dataDirectory, file],
    as: place.dataDirectory,
    input: `*:*:*:*:${password.replace(/[\\:]/g, "\\$&")}\n`,
    timeoutMs,
  });
  return file;
}

/** The value that a start would use, read from its files and its command line by the server's own program. */
export async function readSetting(place: Place, programs: string, name: string): Promise<string> {
  const { stdout } = await runOrThrow(place, `reading its ${name}`, {
    script: `
data=$1 programs=$2 config=$3 name=$4
shift 4
[ -z "$config" ] || set -- -c "config_file=$config" "$@"
"$programs/postgres" -D "$data" "$@" -C "$name"`,
    args: [place.dataDirectory, programs, place.configFile ?? "", name, ...((await wordsOfLastStart(place)) ?? [])],
    as: place.dataDirectory,
    timeoutMs,
  });
  return stdout.trim();
}

/** The file's text with these settings in place of what it said of them. Pure. */
export function withSettings(text: string, settings: Readonly<Record<string, string>>): string {
  const replaced = new Set(Object.keys(settings).map((name) => name.toLowerCase()));
  const kept = text
    .split("\n")
    .filter((line) => line.trim() !== "" && !replaced.has(/^\s*([\w.]+)/.exec(line)?.[1]?.toLowerCase() ?? ""));
  return [...kept, ...Object.entries(settings).map(([name, value]) => settingLine(name, value)), ""].join("\n");
}

/** As ALTER SYSTEM writes it: quotes and backslashes doubled (guc.c, write_auto_conf_file). */
function settingLine(name: string, value: string): string {
  if (!/^[a-z_][\w.]*$/i.test(name) || /[\r\n\0]/.test(value)) {
    throw new BlackstartError("USAGE", {
      what: `The setting ${name} cannot be written.`,
      why: "A name has letters, digits, dots and underscores; a value is one line.",
      next: "Correct it.",
    });
  }
  return `${name} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** What a line of a configuration file sets: a name, an optional equals sign, a value with or without quotes (guc-file.l). */
export function settingInLine(text: string): Readonly<{ name: string; value: string }> | undefined {
  const [, name, quoted, plain] =
    /^\s*([\w.]+)\s*=?\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']*))\s*(?:#.*)?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { name: name.toLowerCase(), value: quoted?.replace(/''|\\(.)/g, (_, one) => one ?? "'") ?? plain ?? "" };
}
