import { runOrThrow, type Place } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

/** SIGINT is `fast`, SIGQUIT is `immediate` (postgres(1)). A halted process would never see either: SIGCONT follows. */
const script = `
data=$1 signal=$2 limit=$3 command=$4
${processFunctions}
# The postmaster and when it started (field 22 of proc(5)), to $which: of two with one pid the second is another.
which_runs() {
  find_postmaster
  which=
  { [ -n "$postmaster" ] && IFS= read -r stat <"/proc/$postmaster/stat"; } 2>/dev/null || return 0
  set -- \${stat##*") "}
  which="$postmaster \${20}"
}
find_servers; which_runs; told=$which
if [ -n "$command" ]; then
  sh -c "$command" || exit
else
  [ -z "$postmaster" ] || { kill "-$signal" "$postmaster" && kill -CONT "$postmaster"; }
fi
waited=0
while find_servers; [ -n "$servers" ]; do
  which_runs
  [ -z "$which" ] || [ "$which" = "$told" ] || { echo "it ended, and something started it again" >&2; exit 1; }
  [ "$waited" -gt "$limit" ] && { echo "after $limit ms there are still:$servers" >&2; exit 1; }
  if sleep 0.01 2>/dev/null; then waited=$((waited + 15)); else sleep 1; waited=$((waited + 1000)); fi
done
refuse_doubt
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
