import { BlackstartError } from "../../../base/error.ts";
import type { Host, HostCommand } from "../../host/host.ts";
import { processFunctions } from "./processes-script.ts";

/** A process of a server, as the operating system shows it. `started` tells it from a later one with the same pid. */
export type ProcessEntry = Readonly<{
  pid: number;
  parent: number;
  /** In clock ticks since the machine's boot. */
  started: string;
  /** As in proc(5): `T` is stopped. */
  state: string;
  /** What `ps` shows. */
  title: string;
}>;

const timeoutMs = 5000;

const listScript = `
data=$1
${processFunctions}
find_servers
[ -n "$servers" ] || refuse_doubt
for one in $servers; do
  { IFS= read -r stat <"/proc/$one/stat"; } 2>/dev/null || continue
  printf '%s\\t' "$stat"
  { tr '\\0\\n' '  ' <"/proc/$one/cmdline"; } 2>/dev/null
  echo
done
exit 0
`;

/** A pid that has become another process's meanwhile is left alone: its start (field 22 of proc(5)) is another. */
const signalScript = `
signal=$1; shift
failed=
for one in "$@"; do
  pid=\${one%%:*}
  { IFS= read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
  set -- \${stat##*) }
  [ "\${20}" = "\${one#*:}" ] || continue
  kill -s "$signal" "$pid" 2>/dev/null || [ ! -e "/proc/$pid" ] || failed="$failed $pid"
done
[ -z "$failed" ] || { echo "not permitted to signal$failed" >&2; exit 1; }
`;

/** The processes of the server in this data directory, also those that outlived their postmaster. */
export async function listProcesses(host: Host, dataDirectory: string): Promise<readonly ProcessEntry[]> {
  const stdout = await run(host, { script: listScript, args: [dataDirectory], timeoutMs });
  return stdout.split("\n").flatMap(entryOf);
}

/** @param signal without `SIG`, as `kill -s` wants it */
export async function signalProcesses(
  host: Host,
  processes: readonly Pick<ProcessEntry, "pid" | "started">[],
  signal: string,
): Promise<void> {
  const args = [signal, ...processes.map(({ pid, started }) => `${pid}:${started}`)];
  await run(host, { script: signalScript, args, timeoutMs });
}

/** proc(5): pid (name) state parent …; the name may hold anything, also parentheses. A zombie is none. */
function entryOf(line: string): readonly ProcessEntry[] {
  const tab = line.indexOf("\t");
  if (tab === -1) return [];
  const stat = line.slice(0, tab);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent = ""] = fields;
  if (state === "Z") return [];
  const title = line.slice(tab + 1).trim();
  return [{ pid: Number.parseInt(stat, 10), parent: Number(parent), started: fields[19] ?? "", state, title }];
}

async function run(host: Host, command: HostCommand): Promise<string> {
  const { code, stdout, stderr } = await host.run(command);
  if (code === 0) return stdout;
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: `The processes of the server on ${host.reference} cannot be reached.`,
    why: stderr.trim() || `The command ended with ${code}.`,
    next: "Let `host` log in as root or as the account that owns the data directory.",
    details: { host: host.reference },
  });
}
