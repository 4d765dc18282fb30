import { runOrThrow, type Place } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

/** SIGINT is `fast`, SIGQUIT is `immediate` (postgres(1)). A halted process would never see either: SIGCONT follows. */
const script = `
data=$1 signal=$2 limit=$3 command=$4
${processFunctions}
may_look || { echo "$data belongs to another account." >&2; exit 1; }
if [ -n "$command" ]; then
  sh -c "$command" || exit
else
  read_pid_file 1; pid=$line
  find_servers
  case "$servers " in *" $pid "*) kill "-$signal" "$pid" && kill -CONT "$pid" ;; esac
fi
waited=0
while find_servers; [ -n "$servers" ]; do
  [ "$waited" -gt "$limit" ] && { echo "after $limit ms there are still:$servers" >&2; exit 1; }
  if sleep 0.01 2>/dev/null; then waited=$((waited + 15)); else sleep 1; waited=$((waited + 1000)); fi
done
`;

/** See `Instance.stop`. The system file's own command ends it in order; `immediate` is for when that does not help. */
export async function stop(place: Place, mode: "fast" | "immediate", timeoutMs: number): Promise<void> {
  const signal = mode === "fast" ? "INT" : "QUIT";
  const command = mode === "fast" ? (place.stop ?? "") : "";
  await runOrThrow(place, `stopping it (${mode})`, {
    script,
    args: [place.dataDirectory, signal, String(timeoutMs), command],
    timeoutMs: timeoutMs + 2000,
  });
}
