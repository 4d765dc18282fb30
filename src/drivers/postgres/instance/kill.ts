import type { Place } from "./place.ts";
import { runOrThrow } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

const timeoutMs = 10_000;

/**
 * Kills until none is left: a postmaster may have started another process between the look and the kill. Then its shared
 * memory, which SIGKILL leaves behind, if nobody is attached to it; and its lock file, as a server that ends in order
 * does: what has been seen to end is not to be in doubt later.
 */
const script = `
data=$1
${processFunctions}
lock_of() { read_pid_file 1; lock=$line; read_pid_file 3; lock="$lock $line"; }
# Not if somebody has started it again meanwhile.
remove_lock() { before=$lock; lock_of; [ "$lock" != "$before" ] || rm -f "$data/postmaster.pid"; }
lock_of
read_pid_file 7; segment=$line
find_servers; find_postmaster
# Its memory in /dev/shm, which its next start would find by the segment only that is removed here.
mapped=
if [ -n "$postmaster" ] && [ "/proc/$postmaster/ns/mnt" -ef /proc/self/ns/mnt ]; then
  set --
  for one in $servers; do set -- "$@" "/proc/$one/maps"; done
  mapped=$(grep -ho '/dev/shm/PostgreSQL\\.[0-9]*' "$@" 2>/dev/null | sort -u)
fi
round=0
while [ -n "$servers" ]; do
  kill -9 $servers 2>/dev/null
  round=$((round + 1))
  [ "$round" -gt 300 ] && { echo "these do not end, even by SIGKILL:$servers" >&2; exit 1; }
  [ "$round" -gt 10 ] && { sleep 0.02 2>/dev/null || sleep 1; }
  find_servers
done
[ -z "$postmaster" ] || remove_lock
refuse_doubt
find_segment
[ "$attached" != 0 ] || { set -- $segment; ipcrm -m "$2"; }
[ -z "$mapped" ] || rm -f $mapped
remove_lock
exit 0
`;

/** See `Instance.kill`. */
export async function kill(place: Place): Promise<void> {
  await runOrThrow(place, "killing its processes", { script, args: [place.dataDirectory], timeoutMs });
}
