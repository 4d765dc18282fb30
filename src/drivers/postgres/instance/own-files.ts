/**
 * What belongs to the node itself and not to the cluster: its settings, its certificates, its logs. Both pg_rewind and
 * pg_basebackup put the source's in their place: the node would come back with the other one's port and certificate.
 */
export const ownFilesFunctions = `
# Copies the node's own files from $1 to $2; nothing there is no error.
copy_own_files() {
  for file in "$1"/*.conf "$1"/*.crt "$1"/*.key "$1"/*.pem "$1"/conf.d; do
    [ -e "$file" ] || continue
    rm -rf "$2/\${file##*/}" && cp -a "$file" "$2/" || return 1
  done
}
# Moves the node's own logs from $1 to $2, in place of what is there.
move_logs() {
  for file in "$1"/log "$1"/pg_log; do
    [ -d "$file" ] && [ ! -L "$file" ] || continue
    rm -rf "$2/\${file##*/}" && mv "$file" "$2/" || return 1
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
