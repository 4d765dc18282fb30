import { BlackstartError } from "../../../base/error.ts";
import { formatConninfo, parseConninfo } from "../conninfo.ts";
import type { WorkLimit } from "../instance.ts";
import { copyFromRunning } from "./copy-from-running.ts";
import { leftoversFunctions, longWork } from "./leftovers.ts";
import { ownedFolderFunction, ownFilesFunctions } from "./own-files.ts";
import { beside, commandFailed, type Place, runOrThrow } from "./place.ts";
import { assertDown } from "./rewind.ts";

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
for link in "$data"/pg_tblspc/*; do
  [ -L "$link" ] && { echo "$data has tablespaces; they would have to be moved as well." >&2; exit 3; }
done
[ -L "$data" ] && { echo "$data is a link; name the directory itself as the node's \\\`data\\\`." >&2; exit 3; }
file_system() { df -P "$1" | tail -n 1 | { read -r device _ _ _ _ mount; echo "$device $mount"; }; }
if [ -d "$data" ] && [ "$(file_system "$data")" != "$(file_system "$(dirname "$data")")" ]; then
  echo "$data is a file system of its own, which cannot be moved aside." >&2; exit 3
fi
rm -rf "$done" "$new" && owned_folder "$new"
`;

const baseBackup = `
programs=$1 new=$2 source=$3
IFS= read -r PGPASSWORD && [ -n "$PGPASSWORD" ] && export PGPASSWORD || unset PGPASSWORD
${longWork}
"$programs/pg_basebackup" -D "$new" -d "$source" -X stream -c fast --no-password
`;

/** As root, where we are: the folder around a data directory often belongs to it. Owners are kept. */
const takePlace = `
data=$1 new=$2 done=$3
${longWork}
${ownFilesFunctions}
if [ ! -e "$done" ]; then
  [ ! -d "$data" ] || copy_own_files "$data" "$new" || exit 1
  : >"$new/standby.signal" && chmod 600 "$new/standby.signal" || exit 1
  [ "$(id -u)" != 0 ] || chown "$(ls -ldn "$new/PG_VERSION" | { read -r _ _ uid gid _; echo "$uid:$gid"; })" "$new/standby.signal"
  rm -rf "$new/recovery.signal"
  sync -f "$new" 2>/dev/null || sync
  : >"$done" || exit 1
fi
if [ -e "$data" ]; then
  aside=$data.aside-$(date -u +%Y%m%dT%H%M%SZ)-$$
  mv "$data" "$aside" && printf '%s\\n' "$aside" >"$done" || exit 1
fi
mv "$new" "$data" && cat "$done" && rm "$done"
`;

export type CloneSource = Readonly<{ url: string; replication: string; place: Place | undefined }>;

/** See `Instance.clone`. */
export async function clone(
  place: Place,
  programs: string,
  source: CloneSource,
  limit: WorkLimit,
): Promise<{ movedAside?: string }> {
  await assertDown(place);
  const [data, part, done] = [place.dataDirectory, beside(place, "cloning"), beside(place, "cloned")];
  const prepared = await place.host.run({ script: prepare, args: [data, part, done], timeoutMs: 60_000 });
  if (prepared.code !== 0) throw cannotPrepare(place, prepared);
  if (!prepared.stdout.includes("whole")) await fill(place, programs, source, part, limit);
  const { stdout } = await runOrThrow(place, "putting the clone in its place", {
    script: takePlace,
    args: [data, part, done],
    ...limit,
  });
  const movedAside = stdout.trim();
  return movedAside === "" ? {} : { movedAside };
}

async function fill(place: Place, programs: string, source: CloneSource, part: string, limit: WorkLimit) {
  const { code } = await place.host.run({ script: '[ -x "$1/pg_basebackup" ]', args: [programs], timeoutMs: 5000 });
  if (code !== 0) return copyFromRunning(place, source, part, limit);
  const { password, dbname: _dbname, ...conninfo } = parseConninfo(source.replication);
  const result = await place.host.run({
    script: baseBackup,
    args: [programs, part, formatConninfo(conninfo)],
    input: `${password ?? ""}\n`,
    as: part,
    ...limit,
  });
  if (result.code === 0) return;
  throw commandFailed(place, "pg_basebackup", result, "The old data directory is as it was. Put right what it names.");
}

function cannotPrepare(place: Place, result: { code: number; stdout: string; stderr: string }): BlackstartError {
  if (result.code !== 3) return commandFailed(place, "preparing a clone", result);
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${place.node} cannot be cloned anew by Blackstart.`,
    why: result.stderr.trim(),
    next: "Clone it by hand with pg_basebackup. Nothing was changed.",
    details: { node: place.node, host: place.host.reference },
  });
}
