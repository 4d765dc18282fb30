/**
 * What belongs to the node itself and not to the cluster: its settings, its certificates, its logs, the words of its last
 * start. Both pg_rewind and pg_basebackup put the source's in their place, or nothing: the node would come back with the
 * other one's port and certificate.
 */
export const ownFilesFunctions = `
# Copies the node's own files from $1 to $2; nothing there is no error.
copy_own_files() {
  for file in "$1"/*.conf "$1"/*.crt "$1"/*.key "$1"/*.pem "$1"/conf.d "$1"/postmaster.opts; do
    [ -e "$file" ] || continue
    rm -rf "$2/\${file##*/}" && cp -a "$file" "$2/" || return 1
  done
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

/** A folder beside the data directory that its owner may write to, also where only root may make one. */
export const ownedFolderFunction = `
owned_folder() {
  [ -d "$1" ] || mkdir -m 700 "$1" || return 1
  [ "$(id -u)" = 0 ] || return 0
  model=$data; [ -e "$model" ] || model=$(dirname "$data")
  chown "$(ls -ldn "$model" | { read -r _ _ uid gid _; echo "$uid:$gid"; })" "$1"
}
`;
