import { BlackstartError } from "../../../base/error.ts";
import type { InstanceState } from "../instance.ts";
import { type Place, runOrThrow } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

const timeoutMs = 5000;

const script = `
data=$1
${processFunctions}
# That a directory is not to be seen proves nothing where the way to it is closed to us.
visible=$data
while [ ! -e "$visible" ] && [ "$visible" != / ]; do visible=$(dirname "$visible"); done
[ -x "$visible" ] || echo closed
[ -e "$data/PG_VERSION" ] && echo data
[ -e "$data/standby.signal" ] && echo standby
read_pid_file 1
echo "pidfile $line"
if may_look || { [ -r /proc/self/stat ] && [ ! -e "$data" ]; }; then
  find_servers
  set --
  for one in $servers; do set -- "$@" "/proc/$one/stat"; done
  [ $# = 0 ] || cat "$@" 2>/dev/null
else
  # Without a view of the working directories: the postmaster by its file, and its descendants.
  [ -r "$data/postmaster.pid" ] || [ ! -e "$data/postmaster.pid" ] && [ -x "$data" ] && echo readable
  ps -A -o pid= -o ppid= -o stat= -o comm= | while read -r pid parent state name; do
    case $name in *postgres*|*postmaster*) echo "seen $pid (postgres) $state $parent" ;; esac
  done
fi
exit 0
`;

/** See `Instance.inspect`. */
export async function inspect(place: Place): Promise<InstanceState> {
  const result = await runOrThrow(place, "looking at its processes", {
    script,
    args: [place.dataDirectory],
    timeoutMs,
  });
  const state = stateFrom(result.stdout);
  if (state !== undefined) return state;
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: `It cannot be told whether ${place.node} runs on ${place.host.reference}.`,
    why: `${place.dataDirectory} and its processes belong to another account, and the postmaster was not found.`,
    next: "Let `host` log in as root or as the account that owns the data directory.",
    details: { host: place.host.reference, node: place.node },
  });
}

/** What the script's lines mean; undefined: they do not suffice to tell. Pure. */
export function stateFrom(stdout: string): InstanceState | undefined {
  const lines = stdout.split("\n");
  const has = (word: string) => lines.includes(word);
  const seen = processesIn(lines.filter((line) => line.startsWith("seen ")).map((line) => line.slice("seen ".length)));
  const servers = processesIn(lines.filter((line) => /^\d/.test(line)));
  // A negative pid is a server in single-user mode.
  const pidFile = Math.abs(Number(lines.find((line) => line.startsWith("pidfile "))?.slice("pidfile ".length) ?? 0));
  const standbySignal = has("standby");

  if (seen.length > 0 || has("readable")) {
    const own = withDescendants(pidFile, seen);
    if (own.length > 0) return { ...running(pidFile, own), standbySignal };
    // Others' servers may be among them, or our orphans: only an empty list says that nothing runs.
    if (!has("readable") || seen.length > 0) return undefined;
  } else if (has("closed")) return undefined;

  const pids = new Set(servers.map(({ pid }) => pid));
  if (servers.length === 0) return { state: has("data") ? "down" : "no-data", pids: [], standbySignal };
  const postmaster =
    servers.find(({ pid }) => pid === pidFile) ??
    servers.find(({ pid, parent }) => !pids.has(parent) && servers.some((other) => other.parent === pid));
  if (postmaster === undefined) return { state: "orphans", pids: [...pids], standbySignal };
  return { ...running(postmaster.pid, servers), standbySignal };
}

type Seen = Readonly<{ pid: number; state: string; parent: number }>;

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
function running(postmasterPid: number, all: readonly Seen[]): Omit<InstanceState, "standbySignal"> {
  const halted = all.find(({ pid }) => pid === postmasterPid)?.state.startsWith("T") ?? false;
  return { state: halted ? "stopped-processes" : "running", pids: all.map(({ pid }) => pid), postmasterPid };
}

function withDescendants(root: number, all: readonly Seen[]): readonly Seen[] {
  return all.filter(({ pid, parent }) => pid === root || (parent === root && all.some((other) => other.pid === root)));
}
