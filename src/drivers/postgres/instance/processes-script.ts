/**
 * Shell functions, in POSIX sh. They stand on the way of a failover, so they start one other program only (`ls`, for the
 * links of the processes called postgres) and read short files: a shell reads byte by byte.
 *
 * `find_servers` sets $servers to the pids of the server whose data directory is $data, and of what it started itself
 * (to archive, say). The working directory finds them: children of a postmaster make sessions of their own, and outlive
 * it. (A shell has no local variables: it uses folder, name, links, link, one, started and other.) A link whose target was removed ends in ` (deleted)`; one of a zombie has no target.
 */
export const processFunctions = `
here=$data
if cd -P "$data" 2>/dev/null; then here=$PWD; cd /; fi
find_servers() {
  servers= links=
  for folder in /proc/[0-9]*; do
    { IFS= read -r name <"$folder/comm"; } 2>/dev/null || continue
    case $name in postgres|postmaster|edb-postgres) links="$links $folder/cwd" ;; esac
  done
  [ -n "$links" ] || return 0
  while IFS= read -r link; do
    one=\${link#*/proc/}; one=\${one%%/*}
    case $link in *"/proc/$one/cwd -> $here"|*"/proc/$one/cwd -> $here (deleted)") servers="$servers $one" ;; esac
  done <<LINKS
$(ls -l $links 2>/dev/null)
LINKS
  for one in $servers; do
    started=; { IFS= read -r started <"/proc/$one/task/$one/children"; } 2>/dev/null
    for other in $started; do case "$servers " in *" $other "*) ;; *) servers="$servers $other" ;; esac; done
  done
}
# Sets $line to line $1 of postmaster.pid: 1 the pid, 7 the shared memory's key and id, 8 its status (pidfile.h).
read_pid_file() {
  number=0 line=
  [ -r "$data/postmaster.pid" ] || return 0
  while [ "$number" -lt "$1" ]; do
    IFS= read -r line || [ -n "$line" ] || return 0
    number=$((number + 1))
  done <"$data/postmaster.pid"
}
# Who may look into another account's processes: root, and that account.
may_look() {
  [ -r /proc/self/status ] || return 1
  [ -O "$data" ] && return 0
  while read -r key _ effective _; do [ "$key" = Uid: ] && break; done </proc/self/status
  [ "$effective" = 0 ]
}
`;
