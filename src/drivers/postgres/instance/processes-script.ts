/**
 * Shell functions, in POSIX sh (and `-ef`, which every /bin/sh of Linux has). They stand on the way of a failover, so
 * they start no other program where all is plain, and read short files only: a shell reads byte by byte.
 *
 * A server is known by its working directory: by the device and inode of that directory, never by its path. So a
 * container, a bind mount, a link or a renamed directory hides nothing, and two servers with one path in two namespaces
 * are two. Children of a postmaster make sessions of their own and outlive it, but stay in its directory. Its pid is
 * taken only together with the namespace that it counts in.
 *
 * (A shell has no local variables: these functions use all the names that are set here.)
 */
export const processFunctions = `
here=$data
if cd -P "$data" 2>/dev/null; then here=$PWD; cd /; fi
# Sets $servers to the pids of the server in $data and of what it started itself (to archive, say), and $hidden to those
# that may belong to it and do not show us their directory.
find_servers() {
  servers= hidden= owner=
  for folder in /proc/[0-9]*; do
    { IFS= read -r name <"$folder/comm"; } 2>/dev/null || continue
    case $name in postgres|postmaster|edb-postgres|.postgres-wrapp) ;; *) continue ;; esac
    one=\${folder#/proc/}
    if [ "$folder/cwd" -ef "$data" ]; then servers="$servers $one"
    elif [ -e "$folder/cwd/PG_VERSION" ] || is_zombie "$one"; then :
    else
      case $(ls -l "$folder/cwd" 2>&1) in
        # Its directory was removed. Only the name is left, which means something in our own namespace only.
        *"/cwd -> $here (deleted)")
          if [ "$folder/ns/mnt" -ef /proc/self/ns/mnt ]; then servers="$servers $one"; else hidden="$hidden $one"; fi ;;
        # It is about to be a zombie, and has closed its files.
        *"/cwd -> "*|*"No such file"*) ;;
        # One that has ended meanwhile may be anybody's: looked for last.
        *) ! may_be_ours "$one" || is_zombie "$one" || hidden="$hidden $one" ;;
      esac
    fi
  done
  # Whatever its program is called.
  read_pid_file 1; named=\${line#-}
  case "$servers " in *" $named "*) ;; *)
    [ "/proc/\${named:-none}/cwd" -ef "$data" ] && own_pid "$named" && [ "$own" = "$named" ] && servers="$servers $named" ;;
  esac
  for one in $servers; do
    started=; { IFS= read -r started <"/proc/$one/task/$one/children"; } 2>/dev/null
    for other in $started; do case "$servers " in *" $other "*) ;; *) servers="$servers $other" ;; esac; done
  done
}
# Of $servers the one that postmaster.pid names, to $postmaster. In a container it has another pid for itself.
find_postmaster() {
  read_pid_file 1; named=\${line#-} postmaster=
  [ -n "$named" ] || return 0
  case "$servers " in *" $named "*) own_pid "$named"; [ "$own" != "$named" ] || { postmaster=$named; return 0; } ;; esac
  for one in $servers; do
    own_pid "$one"
    [ "$own" != "$named" ] || { postmaster=$one; return 0; }
  done
}
# The pid that process $1 has for itself, to $own: the last of NSpid in proc(5), which Linux before 4.1 does not have.
own_pid() {
  own=$1
  { while read -r key value; do
    [ "$key" != NSpid: ] || { own=\${value##*[!0-9]}; break; }
  done <"/proc/$1/status"; } 2>/dev/null
}
# Or gone.
is_zombie() {
  stat=; { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null
  case \${stat##*") "} in ''|Z*|X*) true ;; *) false ;; esac
}
# A server runs as the owner of its data directory, or does not start.
may_be_ours() {
  [ -n "$owner" ] || owner=$(ls -ldn "$data" 2>/dev/null | { read -r _ _ uid _; echo "\${uid:-any}"; })
  [ "$owner" != any ] || return 0
  { while read -r key _ value _; do
    [ "$key" != Uid: ] || { [ "$value" = "$owner" ]; return; }
  done <"/proc/$1/status"; } 2>/dev/null
  return 0
}
# To be asked where find_servers finds none: sets $doubt to why the server may run all the same, else to nothing.
find_doubt() {
  doubt=
  if [ -n "$hidden" ]; then
    doubt="We may not see in which directory these processes of its account run:$hidden."; return
  fi
  { read -r name </proc/1/comm; } 2>/dev/null || [ -O "$data" ] ||
    { doubt="The processes of other accounts are hidden from us."; return; }
  [ -e "$data" ] || return 0
  [ -x "$data" ] || { doubt="$data belongs to another account."; return; }
  [ -e "$data/postmaster.pid" ] || return 0
  read_pid_file 1; named=\${line#-}
  read_pid_file 7; segment=$line
  find_segment
  # SIGKILL leaves the segment, with nobody attached: so it ran here, and all of it has ended.
  [ "$attached" != 0 ] || [ "$creator" != "$named" ] || return 0
  if [ "\${attached:-0}" != 0 ]; then
    doubt="$attached processes that cannot be seen from here are attached to its shared memory."; return
  fi
  for folder in /proc/[0-9]*; do
    { IFS= read -r name <"$folder/comm" && IFS= read -r line <"$folder/cwd/postmaster.pid"; } 2>/dev/null || continue
    case $name in *postgres*|postmaster) [ "\${line#-}" = "$named" ] ;; *) false ;; esac || continue
    cmp -s "$folder/cwd/postmaster.pid" "$data/postmaster.pid" || continue
    doubt="Process \${folder#/proc/} runs in another directory that holds the same lock file (postmaster.pid)."; return
  done
  mount_of "$data"
  case $kind in
    ext[234]|xfs|btrfs|zfs|tmpfs|ramfs|overlay|f2fs|jfs|reiserfs|bcachefs) ;;
    *) doubt="It has a lock file (postmaster.pid), and lies on a file system (\${kind:-unknown}) that other machines may use too."
      return ;;
  esac
  # The kernel's first namespace of pids has this number; from there every process is seen.
  [ "$(readlink /proc/self/ns/pid 2>/dev/null)" != 'pid:[4026531836]' ] && [ "$root" != / ] || return 0
  private=$mount; mount_of /
  [ "$mount" = "$private" ] ||
    doubt="It has a lock file (postmaster.pid), and lies on a volume that processes outside of this container may use too."
}
# The System V segment of $segment (key and id), to $creator and $attached. After a reboot the id may be somebody
# else's: the key must fit too. Columns: key shmid perms size cpid lpid nattch.
find_segment() {
  creator= attached=
  set -- $segment
  [ $# = 2 ] && [ -r /proc/sysvipc/shm ] || return 0
  # One line of what may be hundreds, left by others: a shell would read them byte by byte.
  set -- $(grep -E "^ *$1 +$2 " /proc/sysvipc/shm)
  creator=\${5:-} attached=\${7:-}
}
# The mount on which directory $1 lies: $mount, its number; $root, what of the file system it shows; $kind.
mount_of() {
  mount= root= kind=
  { while read -r key value; do [ "$key" != mnt_id: ] || mount=$value; done </proc/self/fdinfo/9; } 2>/dev/null 9<"$1"
  while read -r one _ _ value _ line; do
    [ "$one" != "$mount" ] || { root=$value kind=\${line#*- }; kind=\${kind%% *}; return 0; }
  done </proc/self/mountinfo
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
# A script that must know for sure: ends it, with the reason, where it cannot be told that no server is there.
refuse_doubt() {
  find_doubt
  [ -z "$doubt" ] || { echo "It cannot be told whether its server runs. $doubt" >&2; exit 1; }
}
`;
