import type { WorkLimit } from "../instance.ts";
import { leftoversFunctions, longWork } from "./leftovers.ts";
import { beside, commandFailed, type Place } from "./place.ts";
import { assertRoom, roomFunctions } from "./room.ts";

const defaultLimit: WorkLimit = { timeoutMs: 30 * 60_000 };

/** Of $data and $what it keeps. */
const keepFunctions = `
${roomFunctions}
# What a copy alone may hold: the cluster, the checkpoint from which it recovers (pg_control: system identifier; checkpoint,
# redo, timeline), and the WAL up to its end, which lies in the segment that was written last.
state_of() {
  segments=$(ls -t "$1/pg_wal" | grep -E '^[0-9A-F]{24}$')
  { head -c 8 "$1/global/pg_control"; tail -c +33 "$1/global/pg_control" | head -c 20; echo "$segments" | LC_ALL=C sort
    cat "$1/pg_wal/$(echo "$segments" | head -n 1)"; } 2>/dev/null | cksum
}
# A copy of this state, to $found: tried again and again, a rejoin would fill the disk with one state.
find_kept() {
  found= state=$(state_of "$data")
  for old in "$data".kept-everything-* "$data".kept-"$what"-*; do
    case $old in *.part) continue ;; esac
    [ -d "$old/pg_wal" ] && [ "$(state_of "$old")" = "$state" ] || continue
    found=$old; return
  done
}
size_to_keep() {
  case $what in wal) size_of "$data/pg_wal" ;; everything) size_of "$data" ;; esac
}
`;

/**
 * `wal`: the write-ahead log, and what is needed to read it (control file, prepared transactions). A copy is made under
 * another name and renamed when it is on disk: a half-made one is never taken for whole. pg_wal may be a link to another
 * disk; what counts is what is in it.
 */
const script = `
data=$1 kept=$2 what=$3
${longWork}
${leftoversFunctions}
${keepFunctions}
end_leftovers
if [ -d "$kept" ]; then du -sk "$kept"; exit; fi
find_kept
[ -z "$found" ] || { du -sk "$found"; exit; }
part=$kept.part
# Also what was stopped half-way for another plan: there might be no room for both.
rm -rf "$data".kept-*.part
[ -e "$data.cloned" ] || rm -rf "$data.cloning"
size_to_keep; need_room "$size" 0
umask 077
# What is half copied would only keep the disk full.
trap 'code=$?; [ "$code" = 0 ] || rm -rf "$part"' EXIT
mkdir "$part" || exit 1
case $what in
  everything) cp -a "$data/." "$part/" || exit 1 ;;
  wal)
    mkdir "$part/global" "$part/pg_wal" &&
    cp -a "$data/pg_wal/." "$part/pg_wal/" &&
    cp -a "$data/PG_VERSION" "$part/" &&
    cp -a "$data/global/pg_control" "$part/global/" || exit 1
    [ ! -d "$data/pg_twophase" ] || cp -a "$data/pg_twophase" "$part/" || exit 1 ;;
esac
# Links lead to what belongs to the server and lives on: the log on another disk, tablespaces.
for link in "$part/pg_wal" "$part"/pg_tblspc/*; do
  [ -L "$link" ] || continue
  rm "$link" && mkdir "$link" && cp -a "$data/\${link#"$part/"}/." "$link/" || exit 1
done
sync -f "$part" 2>/dev/null || sync
mv "$part" "$kept" && du -sk "$kept"
`;

/** See `Instance.keep`. */
export async function keep(
  place: Place,
  label: string,
  what: "wal" | "everything",
  limit: WorkLimit = defaultLimit,
): Promise<{ directory: string; bytes: number }> {
  if (!/^[\w][\w.-]{0,100}$/.test(label)) throw new Error(`“${label}” cannot be part of a file's name`);
  const directory = beside(place, `kept-${what}-${label}`);
  const result = await place.host.run({ script, args: [place.dataDirectory, directory, what], ...limit });
  const [kibibytes = "", kept = directory] = result.stdout.trimEnd().split("\t");
  if (result.code === 0) return { directory: kept, bytes: Number(kibibytes) * 1024 };
  assertRoom(place, `keep ${keptText(what)} of ${place.node}`, result);
  throw commandFailed(place, `keeping ${what}`, result);
}

/** What the copy will take the place of goes first. */
const roomScript = `
data=$1 what=$2
${keepFunctions}
find_kept
[ -z "$found" ] || exit 0
size_of "$data".kept-*.part; spare=$size
[ -e "$data.cloned" ] || { size_of "$data.cloning"; spare=$((spare + size)); }
size_to_keep; need_room "$size" "$spare"
`;

/** See `Instance.assertRoomToKeep`. */
export async function assertRoomToKeep(place: Place, what: "wal" | "everything"): Promise<void> {
  const result = await place.host.run({ script: roomScript, args: [place.dataDirectory, what], timeoutMs: 60_000 });
  assertRoom(place, `keep ${keptText(what)} of ${place.node}`, result);
}

function keptText(what: "wal" | "everything"): string {
  return what === "wal" ? "the write-ahead log" : "the data directory";
}
