import { tellConfiguration } from "./next-start.ts";

/**
 * What belongs to the node itself and not to the cluster: its settings, its certificates, its logs, the words of its last
 * start. Both pg_rewind and pg_basebackup put the source's in their place, or nothing: the node would come back with the
 * other one's port and certificate. Wants $data, and $config where the configuration lies elsewhere.
 */
export const ownFilesFunctions = `
${tellConfiguration}
# What the configuration includes from inside of the data directory, as paths in there. A folder ends in a slash.
tell_included() {
  root=$(cd "$data" 2>/dev/null && pwd -P) || return 0
  said=include includes=yes
  tell_configuration | while read -r kind name; do
    [ "$kind" = included ] || continue
    name=\${name%/}
    place=$(cd "\${name%/*}/" 2>/dev/null && pwd -P)/\${name##*/}
    case $place in */.|*/..|*/) continue ;; "$root"/*) ;; *) continue ;; esac
    slash=
    [ ! -d "$name" ] || [ -L "$name" ] || slash=/
    printf '%s\\n' "\${place#"$root/"}$slash"
  done
}
# Every folder on the way from $1 to what lies at $2 in there.
owned_way() {
  way=$1 rest=$2
  while :; do
    case $rest in */*) ;; *) return 0 ;; esac
    way=$way/\${rest%%/*} rest=\${rest#*/}
    owned_folder "$way" || return 1
  done
}
# Copies what the list $3 names from $1 to $2. What is not there must not be the source's either.
copy_included() {
  while read -r part; do
    case $part in
      '') continue ;;
      */)
        # Only what is read from there, whatever else the folder holds.
        [ ! -L "$2/\${part%/}" ] || rm "$2/\${part%/}"
        owned_way "$2" "$part" && rm -f "$2/$part"*.conf || return 1
        for file in "$1/$part"*.conf; do
          [ ! -e "$file" ] || cp -a "$file" "$2/$part" || return 1
        done ;;
      *)
        owned_way "$2" "$part" && rm -rf "$2/$part" || return 1
        [ ! -e "$1/$part" ] || cp -a "$1/$part" "$2/$part" || return 1 ;;
    esac
  done <<LIST
$3
LIST
}
# Copies the node's own files from $1 to $2, with what is included ($3). It is not an error if there are none.
copy_own_files() {
  copy_included "$1" "$2" "$3" || return 1
  for file in "$1"/*.conf "$1"/*.crt "$1"/*.key "$1"/*.pem "$1"/conf.d "$1"/postmaster.opts; do
    [ -e "$file" ] || continue
    rm -rf "$2/\${file##*/}" && cp -a "$file" "$2/" || return 1
  done
}
# The rewind that has set them aside is not over: its label is there, or its guard. In a directory that somebody has put
# there since, neither is.
is_half_rewound() {
  [ -e "$data/backup_label" ] || grep -q blackstart_is_rewinding_this_server "$data/postgresql.auto.conf" 2>/dev/null
}
# Moves the node's own logs aside, unless that was done: then those in the data directory are the source's.
set_logs_aside() {
  for name in log pg_log; do
    [ -d "$data/$name" ] && [ ! -L "$data/$name" ] && [ ! -e "$saved/$name" ] || continue
    mv "$data/$name" "$saved/" || return 1
  done
}
put_logs_back() {
  for name in log pg_log; do
    [ -d "$saved/$name" ] || continue
    rm -rf "$data/$name" && mv "$saved/$name" "$data/" || return 1
  done
}
`;

/** A folder beside the data directory, or in it, that its owner may write to, also where only root may make one. */
export const ownedFolderFunction = `
owned_folder() {
  [ -d "$1" ] || mkdir -m 700 "$1" || return 1
  [ "$(id -u)" = 0 ] || return 0
  model=$data; [ -e "$model" ] || model=$(dirname "$data")
  chown "$(ls -ldn "$model" | { read -r _ _ uid gid _; echo "$uid:$gid"; })" "$1"
}
`;
