import { cannotRepeat, wordsOfLastStart } from "./command-line.ts";
import { leftoversFunctions } from "./leftovers.ts";
import { beside, commandFailed, type Place } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

/**
 * Starts `postgres` itself, in a session of its own, and watches the status in postmaster.pid, which says `ready` when
 * connections are accepted, and `standby` where a standby accepts none (hot_standby = off; miscadmin.h): pg_ctl would look
 * only ten times a second. It gets the words of its last start, as with \`pg_ctl restart\`: they may say for whom commits wait,
 * or where it listens. A server that the system file has a command for is started by that, and watched alike.
 */
const script = `
data=$1 programs=$2 config=$3 log=$4 limit=$5 command=$6
shift 6
${processFunctions}
${leftoversFunctions}
end_leftovers
is_ready() { read_pid_file 8; case $line in ready* | standby*) true ;; *) false ;; esac; }
: >>"$log" 2>/dev/null || log=$data/blackstart-start.log
before=$(wc -c <"$log" 2>/dev/null || echo 0)
child=
find_servers
if [ -z "$servers" ]; then
  refuse_doubt
  if [ -n "$command" ]; then
    sh -c "$command" >>"$log" 2>&1 || { tail -n 12 "$log" >&2; exit 1; }
  else
    [ -z "$config" ] || set -- -c "config_file=$config" "$@"
    session=; command -v setsid >/dev/null && session=setsid
    $session "$programs/postgres" -D "$data" "$@" </dev/null >>"$log" 2>&1 &
    child=$!
  fi
fi
tell() {
  echo "$1"
  tail -c +$((before + 1)) "$log" | tail -n 12
  # With the collector on, the reason stands there.
  newest=$(ls -t "$data/log" 2>/dev/null | head -n 1)
  [ -n "$newest" ] && tail -n 12 "$data/log/$newest"
}
waited=0
while :; do
  # A file that the one before left behind does not count.
  if [ -n "$child" ]; then read_pid_file 1; [ "$line" = "$child" ] && is_ready && exit 0
  else
    find_postmaster
    if [ -n "$postmaster" ]; then is_ready && exit 0; else find_servers; fi
  fi
  [ -n "$child" ] && ! kill -0 "$child" 2>/dev/null && { tell 'It ended again.' >&2; exit 1; }
  [ "$waited" -gt "$limit" ] && { tell "It accepted no connections within $limit ms; it was left as it is." >&2; exit 1; }
  if sleep 0.005 2>/dev/null; then waited=$((waited + 7)); else sleep 1; waited=$((waited + 1000)); fi
done
`;

/** See `Instance.start`. */
export async function start(place: Place, programs: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const own = place.start !== undefined;
  const words = own ? [] : await wordsOfLastStart(place);
  if (words === undefined) throw cannotRepeat(place);
  const result = await place.host.run({
    script,
    args: [
      place.dataDirectory,
      programs,
      place.configFile ?? "",
      beside(place, "log"),
      String(timeoutMs),
      place.start ?? "",
      ...words,
    ],
    // The system file's command chooses the account itself, as `systemctl` does.
    ...(own ? {} : { as: place.dataDirectory }),
    timeoutMs: timeoutMs + 5000,
    signal,
  });
  if (result.code !== 0) throw commandFailed(place, "starting it", result, `Read its log; then try again.`);
}
