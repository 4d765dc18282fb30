import type { Host } from "./host.ts";

/** What a machine says of itself; what it does not say is not there. */
export type Machine = Readonly<{
  /** Single facts by name: `kernel`, `memory`, `cpus`, `sysctl vm.swappiness`, … */
  facts: Readonly<Record<string, string>>;
  /** Where the data and the log lie. */
  mounts: Readonly<{ data?: Mount; wal?: Mount }>;
  /** `/proc/<postmaster>/limits`: soft and hard, by name. */
  limits: Readonly<Record<string, string>>;
}>;

/** `device` says whether two are the same; it is no difference by itself. */
export type Mount = Readonly<{ device: string; kind: string; options: readonly string[] }>;

/**
 * Asks a Linux machine by one script in POSIX sh that only reads, as the owner of the data directory. What this machine
 * does not have, or does not let us read, is left out. Throws UNREACHABLE or HOST_COMMAND_FAILED.
 */
export async function askMachine(host: Host, dataDirectory: string | undefined): Promise<Machine> {
  const { stdout } = await host.run({
    script,
    args: [dataDirectory ?? ""],
    ...(dataDirectory === undefined ? {} : { as: dataDirectory }),
  });
  return machineOf(stdout);
}

/** From the script's output, lines of `name<TAB>value`. Pure. */
export function machineOf(output: string): Machine {
  const facts: Record<string, string> = {};
  const limits: Record<string, string> = {};
  const table: { place: string; mount: Mount }[] = [];
  for (const line of output.split("\n")) {
    const tab = line.indexOf("\t");
    if (tab === -1) continue;
    const [name, value] = [line.slice(0, tab), line.slice(tab + 1).trim()];
    if (name === "mount") table.push(mountOf(value));
    else if (name === "limit") Object.assign(limits, limitOf(value));
    else if (value !== "") facts[name] = value;
  }
  const { "path data": data, "path wal": wal, ...others } = facts;
  const mounted = { data: mountUnder(table, data), wal: mountUnder(table, wal) };
  const mounts = Object.fromEntries(Object.entries(mounted).filter(([, mount]) => mount !== undefined));
  return { facts: others, mounts, limits };
}

/** A line of /proc/mounts: device, place, kind, options; blanks are written as octal escapes (proc_mounts(5)). */
function mountOf(line: string): { place: string; mount: Mount } {
  const [device = "", place = "", kind = "", options = ""] = line
    .split(" ")
    .map((field) =>
      field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
  return { place, mount: { device, kind, options: options.split(",").filter(Boolean).sort() } };
}

/** The longest place that the path lies under; of several mounted at one place the last hides the others. */
function mountUnder(table: readonly { place: string; mount: Mount }[], path: string | undefined): Mount | undefined {
  if (path === undefined) return undefined;
  const lies = table.filter(({ place }) => place === "/" || path === place || path.startsWith(`${place}/`));
  const longest = Math.max(...lies.map(({ place }) => place.length));
  return lies.findLast(({ place }) => place.length === longest)?.mount;
}

/** `Max open files   1024   4096   files`: the columns are parted by two blanks or more. */
function limitOf(line: string): Record<string, string> {
  const [name = "", soft = "", hard = ""] = line.split(/ {2,}/);
  return soft === "" || name === "Limit"
    ? {}
    : { [name.replace(/^Max /, "")]: soft === hard ? soft : `${soft} (hard ${hard})` };
}

/** Kernel settings on which durability, memory and the notice of a dead peer depend. */
const sysctls = [
  "vm.overcommit_memory",
  "vm.overcommit_ratio",
  "vm.swappiness",
  "vm.dirty_ratio",
  "vm.dirty_background_ratio",
  "vm.dirty_bytes",
  "vm.dirty_background_bytes",
  "vm.dirty_expire_centisecs",
  "vm.nr_hugepages",
  "vm.zone_reclaim_mode",
  "vm.max_map_count",
  "fs.file-max",
  "kernel.shmmax",
  "kernel.sem",
  "net.core.somaxconn",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_retries2",
  "net.ipv4.tcp_syn_retries",
];

const script = `
data=$1
say() { printf '%s\\t%s\\n' "$1" "$2"; }
# Not by the shell's read: it asks byte by byte, and /proc/sys answers the first byte only.
first() { [ -r "$2" ] && say "$1" "$(head -n 1 "$2" 2>/dev/null)"; }
say kernel "$(uname -sr)"
say architecture "$(uname -m)"
[ -r /etc/os-release ] && say "operating system" "$(. /etc/os-release; echo "$PRETTY_NAME")"
say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
while read -r name value _; do
  case $name in MemTotal:) say memory "$value kB" ;; SwapTotal:) say swap "$value kB" ;; esac
done </proc/meminfo
for name in ${sysctls.join(" ")}; do first "sysctl $name" "/proc/sys/$(echo "$name" | tr . /)"; done
first "transparent huge pages" /sys/kernel/mm/transparent_hugepage/enabled
first "transparent huge pages: defrag" /sys/kernel/mm/transparent_hugepage/defrag
first "clock source" /sys/devices/system/clocksource/clocksource0/current_clocksource
zone=$(readlink -f /etc/localtime 2>/dev/null); zone=\${zone##*/zoneinfo/}
[ -n "$zone" ] && say "time zone" "$zone"
while IFS= read -r line; do say mount "$line"; done </proc/self/mounts
[ -n "$data" ] || exit 0
say "path data" "$(readlink -f "$data")"
say "path wal" "$(readlink -f "$data/pg_wal")"
pid=; { IFS= read -r pid <"$data/postmaster.pid"; } 2>/dev/null
[ -n "$pid" ] && [ -d "/proc/$pid" ] || exit 0
while IFS= read -r line; do say limit "$line"; done 2>/dev/null <"/proc/$pid/limits"
group=$(sed -n 's/^0:://p' "/proc/$pid/cgroup" 2>/dev/null)
first "memory limit (cgroup)" "/sys/fs/cgroup$group/memory.max"
first "cpu limit (cgroup)" "/sys/fs/cgroup$group/cpu.max"
first "oom score adjustment" "/proc/$pid/oom_score_adj"
for library in icui18n ssl; do
  say "library $library" "$(grep -o "lib$library\\.so\\.[0-9.]*" "/proc/$pid/maps" 2>/dev/null | head -n 1)"
done
program=$(readlink -f "/proc/$pid/exe" 2>/dev/null)
if command -v dpkg-query >/dev/null 2>&1; then
  package=$(dpkg-query -S "$program" 2>/dev/null | head -n 1); package=\${package%%:*}
  [ -n "$package" ] && say "postgresql package" "$(dpkg-query -W -f '\${Package} \${Version}' "$package" 2>/dev/null)"
elif command -v rpm >/dev/null 2>&1; then
  package=$(rpm -qf --qf '%{NAME} %{VERSION}-%{RELEASE}' "$program" 2>/dev/null) && say "postgresql package" "$package"
fi
exit 0
`;
