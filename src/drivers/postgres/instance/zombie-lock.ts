import { processFunctions } from "./processes-script.ts";

/**
 * A killed postmaster whose parent has not yet taken notice is a zombie, and PostgreSQL takes the pid in the lock file
 * for a running server ("Is another postmaster running?"). A zombie runs nothing: its lock file is removed. $1: the data
 * directory.
 *
 * The zombie of that pid may be of another process, while the server runs in a namespace of its own: so it has to be the
 * creator of the lock file's shared memory, to which nobody is attached, or to have started when the lock file says.
 */
export const removeZombieLock = `
data=$1
${processFunctions}
read_pid_file 1; pid=$line
[ -n "$pid" ] && { IFS= read -r stat <"/proc/$pid/stat"; } 2>/dev/null || exit 0
set -- \${stat##*") "}
case $1 in Z*|X*) ;; *) exit 0 ;; esac
read_pid_file 7; segment=$line; find_segment
if [ "$attached" != 0 ] || [ "$creator" != "$pid" ]; then
  read_pid_file 3; began=$line
  booted=$(sed -n 's/^btime //p' /proc/stat) hertz=$(getconf CLK_TCK 2>/dev/null) || hertz=100
  # $1 is field 3 of proc(5), the start is field 22; a clock may have been set a little since.
  apart=$((booted + \${20} / hertz - \${began:-0}))
  [ "$apart" -ge -60 ] && [ "$apart" -le 60 ] || exit 0
fi
rm -f "$data/postmaster.pid"
`;
