import { BlackstartError } from "../../../base/error.ts";
import { commandLine, type NextStart, ranAsStandby, type RecoveryEnd } from "../instance.ts";
import { control } from "./control.ts";
import { commandFailed, type Place, runOrThrow } from "./place.ts";
import { readSetting, settingInLine, writeSettings } from "./settings.ts";

const timeoutMs = 10_000;

/**
 * Shell: `tell_configuration` prints the lines that set what $said names (an extended regular expression, with a dot for
 * each underscore, which may be a hyphen on the command line), in the order in which a server reads them, so that the last
 * one wins: the configuration file, with what it includes in its place; postgresql.auto.conf; the command line of the last
 * start. Wants $data, and $config where it is known; with $includes set it prints what is included as well, there or not.
 * It starts few programs: clients wait.
 */
export const tellConfiguration = `
from_command_line= sets= includes=
[ ! -r "$data/postmaster.opts" ] ||
  while IFS= read -r text || [ -n "$text" ]; do case $text in *=*) sets=yes ;; esac; done <"$data/postmaster.opts"
if [ -z "$config" ] && [ -n "$sets" ]; then
  from_command_line=$(sed -n 's/.*"\\(-c\\)\\{0,1\\}\\(--\\)\\{0,1\\}config[-_]file=\\([^"]*\\)".*/\\3/p' "$data/postmaster.opts")
fi
config=\${config:-\${from_command_line:-$data/postgresql.conf}}
tell_settings() {
  [ -r "$1" ] || { printf 'closed\\t%s\\n' "$1"; return; }
  while read -r text; do
    case $text in
      '') continue ;;
      [Ii][Nn][Cc][Ll][Uu][Dd][Ee]_[Dd][Ii][Rr]*) word=include_dir ;;
      [Ii][Nn][Cc][Ll][Uu][Dd][Ee]_[Ii][Ff]_[Ee][Xx][Ii][Ss][Tt][Ss]*) word=include_if_exists ;;
      [Ii][Nn][Cc][Ll][Uu][Dd][Ee]*) word=include ;;
      *) printf 'set\\t%s\\t%s\\n' "$1" "$text"; continue ;;
    esac
    name=\${text#"\${text%%[!A-Za-z_]*}"}
    while :; do case $name in [[:space:]=]*) name=\${name#?} ;; *) break ;; esac; done
    case $name in "'"*) name=\${name#?}; name=\${name%%"'"*} ;; *) name=\${name%%[[:space:]#]*} ;; esac
    case $name in /*) ;; *) name=\${1%/*}/$name ;; esac
    [ -z "$includes" ] || printf 'included\\t%s\\n' "$name"
    case $word in
      include_dir) for one in "$name"/*.conf; do [ ! -e "$one" ] || tell_settings "$one"; done ;;
      *) [ "$word" = include_if_exists ] && [ ! -e "$name" ] || tell_settings "$name" ;;
    esac
  done <<LINES
$(grep -iE "^[[:space:]]*(include|$said)" "$1")
LINES
}
tell_configuration() {
  tell_settings "$config"
  [ ! -e "$data/postgresql.auto.conf" ] || tell_settings "$data/postgresql.auto.conf"
  [ -z "$sets" ] || grep -iE "$said" "$data/postmaster.opts" |
    while IFS= read -r text; do printf 'started\\t%s\\n' "$text"; done
}
`;

const said = "said='recovery.target|promote.trigger.file'";

const lookScript = `
data=$1 config=$2 ${said}
${tellConfiguration}
{ IFS= read -r version <"$data/PG_VERSION"; } 2>/dev/null || { echo "$data holds no database." >&2; exit 1; }
printf 'version\\t%s\\n' "$version"
[ -e "$data/standby.signal" ] && printf 'standby\\t%s\\n' "$(head -n 1 "$data/standby.signal")"
tell_configuration
exit 0
`;

const saysMore = 3;

/** On disk before it is believed: after a power loss the file must be there. Without arguments `sync` takes all. */
const markScript = `
data=$1 config=$2 mark=$3 ${said}
${tellConfiguration}
[ -e "$data/PG_VERSION" ] || { echo "$data holds no database." >&2; exit 1; }
told=$(tell_configuration)
[ -z "$told" ] || [ "$4" = cleared ] || exit ${saysMore}
if [ ! -e "$data/standby.signal" ]; then
  printf '%s\\n' "$mark" >"$data/standby.signal.part" && mv "$data/standby.signal.part" "$data/standby.signal" || exit 1
fi
sync "$data/standby.signal" "$data" 2>/dev/null || sync
`;
const markBeginning = "Marked as a standby by Blackstart at ";

/** What is asked only of a server whose files say where its recovery ends: where the rest of it lies. */
type Rest = () => Promise<Readonly<{ whole: Place; programs: string }>>;

/** See `Instance.markStandby`. As a rule its files say nothing of the end of recovery, and one script does it. */
export async function markStandby(place: Place, rest: Rest): Promise<void> {
  const mark = `${markBeginning}${new Date().toISOString()}
It was a primary, and must not come back as a second one. If no other node has taken over (see: blackstart status),
remove this file, and it starts as a primary again.`;
  const command = (state: "as found" | "cleared") => ({
    script: markScript,
    args: [place.dataDirectory, place.configFile ?? "", mark, state],
    as: place.dataDirectory,
    timeoutMs,
  });
  const { code } = await place.host.run(command("as found"));
  if (code === 0) return;
  if (code === saysMore) await clearLeftovers(place, await nextStart(place, rest), rest);
  await runOrThrow(place, "marking it as a standby", command("cleared"));
}

/** See `Instance.unmarkStandby`. */
export async function unmarkStandby(place: Place): Promise<void> {
  const { clusterState } = await control(place);
  const refuse = (why: string) =>
    new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `${place.node} cannot be made a primary again by taking its standby.signal away.`,
      why,
      next: "Promote it instead (`blackstart mitigate failover`). Nothing was changed.",
      details: { node: place.node, clusterState },
    });
  if (ranAsStandby(clusterState)) throw refuse(`It has run as a standby since (“${clusterState}”).`);
  const result = await place.host.run({
    script: unmarkScript,
    args: [place.dataDirectory],
    as: place.dataDirectory,
    timeoutMs,
  });
  if (result.code === saysMore) throw refuse("It is a copy of another server that never ran (it has a backup_label).");
  if (result.code !== 0) throw commandFailed(place, "taking its standby.signal away", result);
}

const unmarkScript = `
[ ! -e "$1/backup_label" ] || exit ${saysMore}
rm -f "$1/standby.signal" && { sync "$1" 2>/dev/null || sync; }
`;

/** See `Instance.nextStart`. Files that are closed to us are read by the server's own program. */
export async function nextStart(place: Place, rest: Rest): Promise<NextStart> {
  const { stdout } = await runOrThrow(place, "reading how it would start", {
    script: lookScript,
    args: [place.dataDirectory, place.configFile ?? ""],
    as: place.dataDirectory,
    timeoutMs,
  });
  const { closed, ...found } = nextStartFrom(stdout, place.start);
  if (closed.length === 0) return found;
  const known = new Set(found.leftovers.map(({ setting }) => setting));
  try {
    const names = (await targetsOf(place)).filter((name) => !known.has(name));
    const more = await inForce(names, rest);
    return { ...found, leftovers: [...found.leftovers, ...more.map((one) => ({ ...one, where: closed.join(", ") }))] };
  } catch (error) {
    if (error instanceof BlackstartError) return { ...found, unread: error };
    throw error;
  }
}

/**
 * From the lines of `lookScript`, and the command of the system file that starts the server. Pure.
 * @returns `closed`: the configuration files that we may not read
 */
export function nextStartFrom(
  stdout: string,
  startCommand: string | undefined,
): NextStart & Readonly<{ closed: readonly string[] }> {
  const lines = stdout.split("\n").map((line) => line.split("\t"));
  const of = (kind: string) => lines.filter(([one]) => one === kind);
  const signal = of("standby")[0]?.[1];
  const major = Number.parseInt(of("version")[0]?.[1] ?? "", 10);
  const inFiles = of("set").flatMap(([, where = "", ...text]) => settingOf(where, text.join("\t")));
  const commands = [...of("started").map(([, ...text]) => text.join("\t")), startCommand ?? ""];
  const all = new Map([...inFiles, ...commands.flatMap(onCommandLine)].map((one) => [one.setting, one]));
  const action = all.get("recovery_target_action")?.value.toLowerCase() ?? "pause";
  const leftovers = [...all.values()]
    .filter(({ setting, value }) => value !== "" && isTarget(setting, major))
    .map((one): RecoveryEnd => ({ ...one, effect: one.setting === triggerFile ? "promote" : effectOf(action) }));
  return {
    as: signal === undefined ? "primary" : "standby",
    ...(signal?.startsWith(markBeginning) ? { markedAt: signal.slice(markBeginning.length) } : {}),
    leftovers,
    closed: of("closed").map(([, file = ""]) => file),
  };
}

const targets = ["recovery_target", ...["name", "time", "xid", "lsn"].map((kind) => `recovery_target_${kind}`)];
const triggerFile = "promote_trigger_file";
type Found = Pick<RecoveryEnd, "setting" | "value" | "where">;

/** promote_trigger_file went with 16, where a server that has it does not start. */
function isTarget(setting: string, major: number): boolean {
  if (setting === triggerFile) return major < 16;
  return targets.includes(setting);
}

function effectOf(action: string): RecoveryEnd["effect"] {
  return action === "promote" ? "promote" : action === "shutdown" ? "shut down" : "stop replaying";
}

function settingOf(where: string, text: string): readonly Found[] {
  const line = settingInLine(text);
  return line === undefined ? [] : [{ setting: line.name, value: line.value, where }];
}

/** `-c name=value` and `--name=value`, where hyphens count as underscores; in quotes or not. */
function onCommandLine(command: string): readonly Found[] {
  const found = command.matchAll(/((?:recovery[_-]target|promote[_-]trigger)[\w-]*)=(?:'([^']*)'|([^"'\s]*))/gi);
  return [...found].map(([, name = "", quoted, plain = ""]) => ({
    setting: name.replaceAll("-", "_").toLowerCase(),
    value: quoted ?? plain,
    where: commandLine,
  }));
}

/** Sets what would end a recovery to nothing, which wins over every file; a command line wins over that. */
async function clearLeftovers(place: Place, { leftovers, unread }: NextStart, rest: Rest): Promise<void> {
  if (unread !== undefined) throw unread;
  const fixed = leftovers.find(({ where }) => where === commandLine);
  if (fixed !== undefined)
    throw cannotStay(
      place,
      `Its command line sets ${fixed.setting} = '${fixed.value}', over every file: as a standby it would ${fixed.effect}.`,
      `Take ${fixed.setting} out of what starts it.`,
    );
  const names = leftovers.map(({ setting }) => setting);
  if (names.length > 0) await writeSettings(place, Object.fromEntries(names.map((name) => [name, ""])));
  // What counts is how the server itself reads its files.
  const [still] = await inForce(names, rest);
  if (still !== undefined)
    throw cannotStay(
      place,
      `${still.setting} is still '${still.value}'.`,
      `Set ${still.setting} to nothing where its configuration sets it.`,
    );
}

/** Those of these settings that a start would use, as the server's own program reads all its files. */
async function inForce(names: readonly string[], rest: Rest): Promise<readonly Omit<RecoveryEnd, "where">[]> {
  if (names.length === 0) return [];
  const { whole, programs } = await rest();
  const found: Omit<RecoveryEnd, "where">[] = [];
  for (const setting of names) {
    const value = await readSetting(whole, programs, setting);
    if (value !== "") found.push({ setting, value, effect: await effectInForce(whole, programs, setting) });
  }
  return found;
}

async function effectInForce(whole: Place, programs: string, setting: string): Promise<RecoveryEnd["effect"]> {
  if (setting === triggerFile) return "promote";
  return effectOf((await readSetting(whole, programs, "recovery_target_action")).toLowerCase());
}

async function targetsOf(place: Place): Promise<readonly string[]> {
  const { version } = await control(place);
  return [...targets, triggerFile].filter((setting) => isTarget(setting, version / 10_000));
}

function cannotStay(place: Place, why: string, next: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${place.node} cannot be made a standby that stays one.`,
    why,
    next: `${next} Then ask again.`,
    details: { node: place.node, host: place.host.reference },
  });
}
