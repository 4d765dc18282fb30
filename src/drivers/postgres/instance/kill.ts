import type { Place } from "./place.ts";
import { runOrThrow } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

const timeoutMs = 10_000;

/**
 * Kills until none is left: a postmaster may have started another process between the look and the kill. Then its shared
 * memory, which SIGKILL leaves behind, if nobody is attached to it.
 */
const script = `
data=$1
${processFunctions}
read_pid_file 7; segment=$line
may_look || [ ! -e "$data" ] || { echo "$data belongs to another account, whose processes we may not end." >&2; exit 1; }
round=0
while find_servers; [ -n "$servers" ]; do
  kill -9 $servers 2>/dev/null
  round=$((round + 1))
  [ "$round" -gt 300 ] && { echo "these do not end, even by SIGKILL:$servers" >&2; exit 1; }
  [ "$round" -gt 10 ] && { sleep 0.02 2>/dev/null || sleep 1; }
done
set -- $segment
if [ $# -eq 2 ] && [ -r /proc/sysvipc/shm ]; then
  # Columns: key shmid perms size cpid lpid nattch. After a reboot the id may be somebody else's: the key must fit too.
  while read -r key id _ _ _ _ attached _; do
    [ "$key" = "$1" ] && [ "$id" = "$2" ] && [ "$attached" = 0 ] && ipcrm -m "$id"
  done </proc/sysvipc/shm
fi
exit 0
`;

/** See `Instance.kill`. */
export async function kill(place: Place): Promise<void> {
  await runOrThrow(place, "killing its processes", { script, args: [place.dataDirectory], timeoutMs });
}
