import type { InstanceState, KnownState } from "../instance.ts";
import { type Place, runOrThrow } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

const timeoutMs = 5000;

/** @param $1 the data directory. Ends the shell that runs it. */
export const inspectScript = `
data=$1
${processFunctions}
# That a directory is not to be seen proves nothing where the way to it is closed to us.
visible=$data
while [ ! -e "$visible" ] && [ "$visible" != / ]; do visible=$(dirname "$visible"); done
[ -x "$visible" ] || echo closed
[ -e "$data/PG_VERSION" ] && echo data
[ -e "$data/standby.signal" ] && echo standby
[ -e "$data/promote" ] && echo promote
read_pid_file 1
echo "pidfile $line"
if [ -r /proc/self/stat ]; then
  find_servers
  set --
  for one in $servers; do set -- "$@" "/proc/$one/stat"; done
  [ $# = 0 ] || { find_postmaster; echo "postmaster $postmaster"; cat "$@" 2>/dev/null; }
  # They may have ended meanwhile.
  left=; for one in $servers; do is_zombie "$one" || { left=$one; break; }; done
  if [ -z "$left" ]; then
    find_doubt
    echo "looked $doubt"
    for one in $hidden; do { IFS= read -r stat <"/proc/$one/stat" && echo "seen $stat"; } 2>/dev/null; done
  fi
else
  # Without a view of the working directories: the postmaster by its file, and its descendants.
  [ -x "$data" ] && { [ -r "$data/postmaster.pid" ] || [ ! -e "$data/postmaster.pid" ]; } || echo "looked $data belongs to another account."
  ps -A -o pid= -o ppid= -o stat= -o comm= | while read -r pid parent state name; do
    case $name in *postgres*|*postmaster*) echo "seen $pid (postgres) $state $parent" ;; esac
    [ "$pid" != $$ ] || echo "looked "
  done
fi
exit 0
`;

/** See `Instance.inspect`. */
export async function inspect(place: Place): Promise<InstanceState> {
  const { stdout } = await runOrThrow(place, "looking at its processes", {
    script: inspectScript,
    args: [place.dataDirectory],
    timeoutMs,
  });
  return stateFrom(stdout);
}

/** What the script's lines mean. Pure. */
export function stateFrom(stdout: string): InstanceState {
  const lines = stdout.split("\n");
  const has = (word: string) => lines.includes(word);
  const after = (word: string) => lines.find((line) => line.startsWith(word))?.slice(word.length);
  const standbySignal = has("standby");
  // A start removes what an earlier server has left (RemovePromoteSignalFiles in xlog.c).
  const signals = { standbySignal, ...(has("promote") && { promoteSignal: true as const }) };
  const servers = processesIn(lines.filter((line) => /^\d/.test(line)));
  if (servers.length > 0) return { ...ofServers(servers, Number(after("postmaster "))), ...signals };

  // Others' servers may be among them, or our orphans: only the one that the lock file names is known to be ours. A
  // negative pid is a server in single-user mode.
  const seen = processesIn(lines.filter((line) => line.startsWith("seen ")).map((line) => line.slice("seen ".length)));
  const pidFile = Math.abs(Number(after("pidfile ")));
  const own = seen.filter(({ pid, parent }) => pid === pidFile || parent === pidFile);
  if (own.some(({ pid }) => pid === pidFile)) return { ...running(pidFile, own), ...signals };

  const doubt = after("looked ");
  const unknown = (why: string): InstanceState => ({ state: "unknown", why, standbySignal });
  if (doubt === undefined) return unknown("The machine does not list its processes.");
  if (doubt !== "") return unknown(doubt);
  if (seen.length > 0) return unknown("There are servers of PostgreSQL whose directory we cannot see.");
  if (has("closed")) return unknown("The way to its data directory is closed to our account.");
  return { state: has("data") ? "down" : "no-data", pids: [], standbySignal };
}

type Seen = Readonly<{ pid: number; state: string; parent: number }>;
type Processes = Omit<Exclude<KnownState, { state: "down" | "no-data" }>, "standbySignal" | "promoteSignal">;

function ofServers(servers: readonly Seen[], named: number): Processes {
  const pids = servers.map(({ pid }) => pid);
  const postmaster =
    servers.find(({ pid }) => pid === named) ??
    servers.find(({ pid, parent }) => !pids.includes(parent) && servers.some((other) => other.parent === pid));
  return postmaster === undefined ? { state: "orphans", pids } : running(postmaster.pid, servers);
}

/** proc(5): pid (name) state parent …; the name may hold anything, also parentheses. A zombie is none. */
function processesIn(lines: readonly string[]): readonly Seen[] {
  return lines
    .map((line) => {
      const [state = "", parent] = line.slice(line.lastIndexOf(")") + 2).split(" ");
      return { pid: Number.parseInt(line, 10), state, parent: Number(parent) };
    })
    .filter(({ state }) => !/^[ZX]/.test(state));
}

/** T: stopped by a signal (proc(5)). With its postmaster halted a server answers no new client. */
function running(postmasterPid: number, all: readonly Seen[]): Processes {
  const halted = all.find(({ pid }) => pid === postmasterPid)?.state.startsWith("T") ?? false;
  return { state: halted ? "stopped-processes" : "running", pids: all.map(({ pid }) => pid), postmasterPid };
}
