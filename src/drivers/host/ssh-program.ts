import type { HostCommand } from "./host.ts";

/**
 * How a command goes over ssh. Pure.
 *
 * sshd hands the command line to the user's login shell, whichever that is; so the command line is a constant that every
 * shell reads alike. The program itself comes as the first line of standard input and the command's own input behind
 * it: `read` takes no byte more than the line.
 */
export const remoteCommand = `exec /bin/sh -c 'IFS= read -r line; eval "$(printf %b "$line")"'`;

/** What goes to standard input. The first thing said on stderr is the remote shell's pid, by which it can be ended. */
export function remoteInput(command: HostCommand): string {
  const program = [
    `printf '${marker}%s\\n' $$ >&2`,
    "unset PGHOST PGPORT PGDATA PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS",
    "LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH; cd /",
    `set -- ${[command.script, command.as ?? "", ...(command.args ?? [])].map(quoted).join(" ")}`,
    "(",
    becomeOwner,
    ")",
    `code=$?; printf '${endMarker}\n' >&2; exit "$code"`,
  ].join("\n");
  return `${escaped(program)}\n${command.input ?? ""}`;
}

const marker = "blackstart-pid ";
const endMarker = "blackstart-end";

/** Splits what came on stderr; `pid` undefined: the script was never begun. `ended`: its exit code is its own. */
export function readMarker(stderr: string): { pid: number | undefined; ended: boolean; stderr: string } {
  const match = new RegExp(`^${marker}(\\d+)\\n`, "m").exec(stderr);
  if (match === null) return { pid: undefined, ended: false, stderr };
  const rest = stderr.slice(0, match.index) + stderr.slice(match.index + match[0].length);
  const end = rest.lastIndexOf(`${endMarker}\n`);
  if (end < 0) return { pid: Number(match[1]), ended: false, stderr: rest };
  return { pid: Number(match[1]), ended: true, stderr: rest.slice(0, end) + rest.slice(end + endMarker.length + 1) };
}

/**
 * $1 is the script, $2 the path whose owner runs it, the rest its arguments. `setpriv` is util-linux's and quick;
 * `su` is everywhere.
 */
const becomeOwner = `
script=$1 path=$2; shift 2
if [ -n "$path" ] && [ -e "$path" ] && [ "$(id -u)" = 0 ]; then
  owner=$(ls -ldn -- "$path" | { read -r _ _ uid _; echo "$uid"; })
  if [ "$owner" != 0 ]; then
    HOME=$(awk -F: -v uid="$owner" '$3 == uid { print $6; exit }' /etc/passwd); export HOME
    if command -v setpriv >/dev/null; then
      group=$(ls -ldn -- "$path" | { read -r _ _ _ gid _; echo "$gid"; })
      exec setpriv --reuid "$owner" --regid "$group" --clear-groups /bin/sh -c "$script" sh "$@"
    fi
    exec su -s /bin/sh "$(ls -ld -- "$path" | { read -r _ _ name _; echo "$name"; })" -c 'exec /bin/sh -c "$0" sh "$@"' -- "$script" "$@"
  fi
fi
exec /bin/sh -c "$script" sh "$@"`;

/** One word to a POSIX shell, whatever it holds (Shell Command Language, 2.2.2). */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One line for \`printf %b\`: it turns \\n and \\\\ back. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
