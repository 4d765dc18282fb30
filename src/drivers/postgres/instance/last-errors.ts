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
tail -n 200 "$log" 2>/dev/null | grep -E '(ERROR|FATAL|PANIC):  '
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
  // A receiver tries again and again: what differs in nothing but its time and process is the same.
  const said = lines.map((line) => withoutPasswords(line.slice(line.search(/(ERROR|FATAL|PANIC):  /))));
  return { file, lines: [...new Set(said.reverse())].slice(0, linesMax).reverse() };
}
