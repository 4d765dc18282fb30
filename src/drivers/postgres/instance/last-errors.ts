import { followReasonIn } from "../follow-reason.ts";
import { withoutPasswords } from "../../../system/secrets.ts";
import { beside, type Place } from "./place.ts";

const linesMax = 3;

/**
 * With the collector on, `current_logfiles` names the log. Otherwise it is what the server's errors go to, whoever
 * started it; that of a server that ended, or writes to a pipe, is taken to be the one that we start with.
 */
const script = `
data=$1 log=
if [ -r "$data/current_logfiles" ]; then
  while read -r kind name; do [ "$kind" = stderr ] && log=$name; done <"$data/current_logfiles"
  case $log in ''|/*) ;; *) log=$data/$log ;; esac
fi
if [ ! -f "$log" ] && { IFS= read -r pid <"$data/postmaster.pid"; } 2>/dev/null; then
  log=$(readlink "/proc/$pid/fd/2" 2>/dev/null)
fi
[ -f "$log" ] || log=$2
printf '%s\\n' "$log"
tail -n 300 "$log" 2>/dev/null
exit 0
`;

/** See `Instance.lastErrors`. */
export async function lastErrors(place: Place): Promise<{ file: string; lines: readonly string[] }> {
  const { stdout } = await place.host.run({
    script,
    args: [place.dataDirectory, beside(place, "log")],
    as: place.dataDirectory,
    timeoutMs: 5000,
  });
  const [file = "", ...lines] = stdout.trim().split("\n");
  return { file, lines: errorsSinceStart(lines) };
}

/** The text of PG_VERSION_STR, which a server says at its start in whatever language, and does not translate. */
const startLine = /PostgreSQL \d\S* .*compiled by/;
/** A severity and what is said; not of what only accompanies a message, nor of what is only told (elog.c). */
const errorPart = /(?:ERROR|FATAL|PANIC):  .*/;
/** Not that a reload has changed primary_conninfo: it names what any reason could be (`sslmode`, say). */
const toldPart = /LOG:  (?!.*"primary_conninfo").*/;

/**
 * The last different errors since its last start, and what it only tells but is why a standby does not follow. A receiver
 * tries again and again: what differs in nothing but its time and process is the same.
 */
export function errorsSinceStart(lines: readonly string[]): readonly string[] {
  const since = lines.slice(lines.findLastIndex((line) => startLine.test(line)) + 1);
  const said = since.flatMap((line) => {
    const error = errorPart.exec(line)?.[0];
    const told = toldPart.exec(line)?.[0];
    return error ?? (told !== undefined && followReasonIn([told]) !== undefined ? told : []);
  });
  return [...new Set(said.map(withoutPasswords).reverse())].slice(0, linesMax).reverse();
}
