import { BlackstartError } from "../../../base/error.ts";
import { withConnection } from "../connection.ts";
import { formatConninfo, parseConninfo } from "../conninfo.ts";
import type { WorkLimit } from "../instance.ts";
import { copyFromRunning } from "./copy-from-running.ts";
import { leftoversFunctions, longWork } from "./leftovers.ts";
import { ownedFolderFunction, ownFilesFunctions } from "./own-files.ts";
import { beside, commandFailed, type Place, runOrThrow } from "./place.ts";
import { assertDown } from "./rewind.ts";
import { assertRoom, roomFunctions } from "./room.ts";

/**
 * The new directory is made whole beside the old one, and then takes its place by two renames. Until then the old one
 * stays as it is; afterwards it lies aside. Interrupted at any instant, doing it again ends well: `.cloned` says that
 * the new one is whole, and only the renames are left.
 */
const prepare = `
data=$1 new=$2 done=$3
${leftoversFunctions}
${ownedFolderFunction}
end_leftovers
if [ -e "$done" ] && [ -d "$new" ]; then echo whole; exit 0; fi
refuse() { echo "$1" >&2; exit 3; }
[ ! -L "$data" ] || refuse "$data is a link, which cannot be moved aside with what it leads to."
is_mount() { [ -d "$1" ] && ! [ "$(stat_device "$1")" = "$(stat_device "$1/..")" ]; }
stat_device() { df -P "$1" | tail -n 1 | { read -r device _ _ _ _ mount; echo "$device $mount"; }; }
! is_mount "$data" || refuse "$data is a file system of its own, which cannot be moved aside."
[ -L "$data/pg_wal" ] || ! is_mount "$data/pg_wal" || refuse "$data/pg_wal is a file system of its own, which cannot be moved aside."
# What lies elsewhere: where it leads to now, by which it is known to be this server's.
for link in "$data/pg_wal" "$data"/pg_tblspc/*; do
  [ -L "$link" ] || continue
  place=$(readlink -f "$link") || continue
  ! is_mount "$place" || refuse "$place, where \${link#"$data/"} leads to, is a file system of its own, which cannot be moved aside."
  printf '%s\\t%s\\n' "\${link#"$data/"}" "$place"
done
rm -rf "$done" "$new" && owned_folder "$new"
`;

/** Folders for what lies outside of the data directory. One that is there and not ours may be the source's own. */
const prepareOutside = `
data=$1; shift
${ownedFolderFunction}
while [ $# -gt 0 ]; do
  if [ "$2" = foreign ] && [ -d "$1" ] && [ -n "$(ls -A "$1")" ]; then
    echo "$1 is not empty, and nothing says that it is this server's." >&2; exit 3
  fi
  rm -rf "$1.cloning" && owned_folder "$1.cloning" || exit 1
  shift 2
done
`;

const baseBackup = `
programs=$1 new=$2 source=$3; shift 3
IFS= read -r PGPASSWORD && [ -n "$PGPASSWORD" ] && export PGPASSWORD || unset PGPASSWORD
${longWork}
"$programs/pg_basebackup" -D "$new" -d "$source" -X stream -c fast --no-password "$@"
`;

/** As root, where we are: the folder around a data directory often belongs to it. Owners are kept. */
const takePlace = `
data=$1 new=$2 done=$3 saved=$4 config=$5
${longWork}
${ownedFolderFunction}
${ownFilesFunctions}
stamp=aside-$(date -u +%Y%m%dT%H%M%SZ)-$$
if [ ! -e "$done" ]; then
  # After a rewind that stopped half-way those in the data directory may be the source's.
  if [ -e "$saved/whole" ] && is_half_rewound; then copy_own_files "$saved" "$new" "$(cat "$saved/included" 2>/dev/null)" || exit 1
  elif [ -d "$data" ]; then copy_own_files "$data" "$new" "$(tell_included)" || exit 1
  fi
  : >"$new/standby.signal" && chmod 600 "$new/standby.signal" || exit 1
  [ "$(id -u)" != 0 ] || chown "$(ls -ldn "$new/PG_VERSION" | { read -r _ _ uid gid _; echo "$uid:$gid"; })" "$new/standby.signal"
  rm -rf "$new/recovery.signal"
  sync -f "$new" 2>/dev/null || sync
  : >"$done" || exit 1
fi
# What lies outside of it takes its place alike, and the old directory's links go on leading to what is its own.
for link in "$new/pg_wal" "$new"/pg_tblspc/*; do
  [ -L "$link" ] || continue
  part=$(readlink "$link"); final=\${part%.cloning}
  [ "$part" != "$final" ] || continue
  if [ -d "$part" ]; then
    if [ -e "$final" ]; then
      mv "$final" "$final.$stamp" || exit 1
      old=$data\${link#"$new"}
      [ ! -L "$old" ] || ln -sfn "$final.$stamp" "$old" || exit 1
    fi
    mv "$part" "$final" || exit 1
  fi
  ln -sfn "$final" "$link" || exit 1
done
if [ -e "$data" ]; then
  aside=$data.$stamp
  mv "$data" "$aside" && printf '%s\\n' "$aside" >"$done" || exit 1
fi
mv "$new" "$data" && cat "$done" && rm "$done" && rm -f "$saved/whole"
`;

/** What is left of an earlier clone is gone on with, or removed first. */
const roomScript = `
data=$1 need=$2
${roomFunctions}
size_of "$data.cloning"; need_room "$need" "$size"
`;

/** See `Instance.assertRoomToClone`. */
export async function assertRoomToClone(place: Place, bytes: number): Promise<void> {
  const args = [place.dataDirectory, String(Math.ceil(bytes / 1024))];
  const result = await place.host.run({ script: roomScript, args, timeoutMs: 60_000 });
  assertRoom(place, `copy ${place.node} anew`, result);
}

export type CloneSource = Readonly<{ url: string; replication: string; place: Place | undefined }>;

/** A part of the server that lies outside of its data directory, and is linked from it. */
type Outside = Readonly<{
  path: string;
  /** Where the source has it; of a tablespace. */
  from?: string;
  isOwn: boolean;
}>;

/** See `Instance.clone`. */
export async function clone(
  place: Place,
  programs: string,
  source: CloneSource,
  limit: WorkLimit,
): Promise<{ movedAside?: string }> {
  await assertDown(place);
  const [data, part, done] = [place.dataDirectory, beside(place, "cloning"), beside(place, "cloned")];
  const spaces = await tablespacesOf(source.url);
  const prepared = await place.host.run({ script: prepare, args: [data, part, done], timeoutMs: 60_000 });
  if (prepared.code !== 0) throw cannotPrepare(place, prepared, source, spaces);
  if (!prepared.stdout.startsWith("whole"))
    await fill(place, programs, source, part, outsideOf(place, source, spaces, prepared.stdout), limit);
  const { stdout } = await runOrThrow(place, "putting the clone in its place", {
    script: takePlace,
    args: [data, part, done, beside(place, "own-files"), place.configFile ?? ""],
    ...limit,
  });
  const movedAside = stdout.trim();
  return movedAside === "" ? {} : { movedAside };
}

type Tablespace = Readonly<{ oid: string; location: string }>;

async function tablespacesOf(url: string): Promise<readonly Tablespace[]> {
  return withConnection(url, {}, (connection) =>
    connection.query<Tablespace>(
      `select oid::text as oid, pg_tablespace_location(oid) as location from pg_tablespace
       where pg_tablespace_location(oid) like '/%' order by pg_tablespace.oid`,
    ),
  );
}

/** Where this node has it already; else where the source has it, or beside that where both are on one machine. */
function outsideOf(
  place: Place,
  source: CloneSource,
  spaces: readonly Tablespace[],
  links: string,
): readonly Outside[] {
  const own = new Map(links.split("\n").map((line) => line.split("\t") as [string, string]));
  const isSameHost = source.place === undefined || source.place.host.reference === place.host.reference;
  const wal = own.get("pg_wal");
  return [
    ...(wal === undefined ? [] : [{ path: wal, isOwn: true }]),
    ...spaces.map(({ oid, location }): Outside => {
      const path = own.get(`pg_tblspc/${oid}`);
      if (path !== undefined && (path !== location || !isSameHost)) return { path, from: location, isOwn: true };
      return { path: isSameHost ? `${location}.${place.node}` : location, from: location, isOwn: false };
    }),
  ];
}

async function fill(
  place: Place,
  programs: string,
  source: CloneSource,
  part: string,
  outside: readonly Outside[],
  limit: WorkLimit,
) {
  const { code } = await place.host.run({ script: '[ -x "$1/pg_basebackup" ]', args: [programs], timeoutMs: 5000 });
  const spaces = outside.flatMap(({ from }) => (from === undefined ? [] : [from]));
  if (code !== 0 && spaces.length > 0)
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `${place.node} cannot be cloned.`,
      why: `The source has tablespaces (${spaces.join(", ")}), and ${place.host.reference} has no pg_basebackup.`,
      next: "Install PostgreSQL's client programs there, or name their directory as the node's `binaries`.",
      details: { node: place.node, host: place.host.reference },
    });
  if (code !== 0) return copyFromRunning(place, source, part, limit);
  const folders = outside.flatMap(({ path, isOwn }) => [path, isOwn ? "own" : "foreign"]);
  const made = await place.host.run({
    script: prepareOutside,
    args: [place.dataDirectory, ...folders],
    timeoutMs: 60_000,
  });
  if (made.code !== 0) throw cannotPrepare(place, made, source, []);
  const { password, dbname: _dbname, ...conninfo } = parseConninfo(source.replication);
  const options = outside.map(({ path, from }) =>
    from === undefined ? `--waldir=${path}.cloning` : mapping(from, `${path}.cloning`),
  );
  const result = await place.host.run({
    script: baseBackup,
    args: [programs, part, formatConninfo(conninfo), ...options],
    input: `${password ?? ""}\n`,
    as: part,
    ...limit,
  });
  if (result.code === 0) return;
  throw commandFailed(place, "pg_basebackup", result, "The old data directory is as it was. Put right what it names.");
}

/** An equals sign in a path is escaped (pg_basebackup, tablespace_list_append). */
function mapping(from: string, to: string): string {
  return `--tablespace-mapping=${from.replaceAll("=", "\\=")}=${to.replaceAll("=", "\\=")}`;
}

/** With the command that a person would run, who can empty what cannot be moved. */
function cannotPrepare(
  place: Place,
  result: { code: number; stdout: string; stderr: string },
  source: CloneSource,
  spaces: readonly Tablespace[],
): BlackstartError {
  if (result.code !== 3) return commandFailed(place, "preparing a clone", result);
  const { password: _password, dbname: _dbname, ...conninfo } = parseConninfo(source.replication);
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const command = [
    `pg_basebackup -D ${quoted(place.dataDirectory)} -d ${quoted(formatConninfo(conninfo))} -X stream -c fast -R`,
    ...spaces.map(({ location }) => quoted(mapping(location, location))),
  ].join(" ");
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${place.node} cannot be cloned anew by Blackstart.`,
    why: result.stderr.trim(),
    next: `Nothing was changed. Keep what is in it, empty it, and as the server's account run: ${command}`,
    details: { node: place.node, host: place.host.reference },
  });
}
