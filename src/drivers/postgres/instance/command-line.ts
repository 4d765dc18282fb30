import { BlackstartError } from "../../../base/error.ts";
import { type Place, runOrThrow } from "./place.ts";

/*
 * With what a server was started last: postmaster.opts. PostgreSQL writes the program and each of its words in double
 * quotes, and escapes nothing (postmaster.c, CreateOptsFile): a word with quotes of its own cannot always be told from
 * two. What can be read in two ways is not read at all.
 */

/** An option of postgres(1) as getopt sees it: `-p 5433`, `-c name=value`, `--name=value` (its letter is a hyphen), `-F`. */
export type Option = Readonly<{ letter: string; value?: string }>;

/** PostgreSQL 13 to 18 (postmaster.c). A server takes no word that is neither an option nor the value of one. */
const withValue = "BCcDdfhkNoprStW-";
const alone = "bEeFijlnOPsT";

/** From the text of postmaster.opts; undefined where that can be read in more than one way. Pure. */
export function optionsIn(text: string): readonly Option[] | undefined {
  const words = wordsIn(text.replace(/\n$/, ""));
  if (words === undefined) return undefined;
  const options: Option[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") return undefined;
    for (let rest = word.slice(1); rest !== ""; ) {
      const letter = rest.charAt(0);
      rest = rest.slice(1);
      if (alone.includes(letter)) options.push({ letter });
      else {
        if (!withValue.includes(letter)) return undefined;
        const value = rest === "" ? words[(at += 1)] : rest;
        if (value === undefined) return undefined;
        options.push({ letter, value });
        rest = "";
      }
    }
  }
  return options.every((one) => !isSetting(one) || assignment.test(one.value ?? "")) ? options : undefined;
}

function wordsIn(text: string): readonly string[] | undefined {
  const [, , quoted] = /^([^"]*?)(?: "(.*)")?$/s.exec(text) ?? [undefined, undefined, '"'];
  if (quoted === undefined) return [];
  const words = quoted.split('" "');
  // One that was split in its own quotes leaves an odd number of them on either side.
  return words.every((word) => word.split('"').length % 2 === 1) ? words : undefined;
}

const assignment = /^([\w.-]+)=(.*)$/s;

function isSetting({ letter }: Option): boolean {
  return letter === "c" || letter === "-";
}

/** In order: the last one of a name wins. */
export function settingsIn(options: readonly Option[]): readonly Readonly<{ name: string; value: string }>[] {
  return options.filter(isSetting).flatMap((one) => {
    const [, name, value] = assignment.exec(one.value ?? "") ?? [];
    return name === undefined || value === undefined ? [] : [{ name: name.replaceAll("-", "_").toLowerCase(), value }];
  });
}

/** @param $1 the data directory. A short file, and on the way of a failover: without another program. */
export const commandLineScript = `
{ while IFS= read -r text || [ -n "$text" ]; do printf '%s\\n' "$text"; done <"$1/postmaster.opts"; } 2>/dev/null
[ -r "$1/postmaster.opts" ] || [ ! -e "$1/postmaster.opts" ]
`;

/** The words with which we repeat the last start, by whatever means that was; undefined where they cannot be read. */
export async function wordsOfLastStart(place: Place): Promise<readonly string[] | undefined> {
  const { stdout } = await runOrThrow(place, "reading with what it was started", {
    script: commandLineScript,
    args: [place.dataDirectory],
    as: place.dataDirectory,
    timeoutMs: 5000,
  });
  const options = optionsIn(stdout);
  // Ours is newer, and the last one would win.
  const isOurs = (one: Option) => place.configFile !== undefined && settingsIn([one])[0]?.name === "config_file";
  return options?.filter((one) => !isOurs(one)).flatMap(wordsOf);
}

/** Where the data lies we say ourselves: it may have been given otherwise, or by another path. */
function wordsOf({ letter, value }: Option): readonly string[] {
  if (letter === "D") return [];
  if (letter === "-") return [`--${value}`];
  return value === undefined ? [`-${letter}`] : [`-${letter}`, value];
}

export function cannotRepeat({ node, host }: Place): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${node} was not started: with which settings on its command line it ran is not known.`,
    why: "Its postmaster.opts escapes nothing, and can be read in more than one way.",
    next: `Declare \`start:\` for ${node}, the command that starts it. Nothing was changed.`,
    details: { node, host: host.reference },
  });
}
