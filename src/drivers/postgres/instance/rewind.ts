import { BlackstartError } from "../../../base/error.ts";
import { withoutPassword } from "../../../system/secrets.ts";
import { credentialsOf, withConnection } from "../connection.ts";
import { aimedAt, type Conninfo, formatConninfo, parseConninfo } from "../conninfo.ts";
import { knownState, type WorkLimit } from "../instance.ts";
import { control } from "./control.ts";
import { inspect } from "./inspect.ts";
import { leftoversFunctions, longWork } from "./leftovers.ts";
import { ownedFolderFunction, ownFilesFunctions } from "./own-files.ts";
import { beside, commandFailed, type Place, runOrThrow } from "./place.ts";
import { readSetting } from "./settings.ts";

/**
 * Rewinding goes in four steps. A crash between any two of them leaves a directory that does not start as a second
 * primary, and from which the whole can be begun again:
 *
 * 1. The node's own files are set aside (once: after a crash those in the data directory may be the source's).
 * 2. A server that was not shut down in order first recovers from its own log, in single-user mode, which does not
 *    allow `standby.signal`. While that file is away, a library that does not exist is to be loaded: whoever starts
 *    this server meanwhile fails. Single-user mode is told not to load it.
 * 3. pg_rewind removes `standby.signal`, and overwrites the settings. While it works, an invalid `backup_label` keeps
 *    the server from starting; it touches that file only at its end, to write its own.
 * 4. `standby.signal` and the node's own files are put back.
 */
const prepare = `
data=$1 saved=$2
${leftoversFunctions}
${ownedFolderFunction}
end_leftovers
owned_folder "$saved"
`;

const setAside = `
data=$1 saved=$2 config=$3
${ownedFolderFunction}
${ownFilesFunctions}
[ -e "$saved/whole" ] && is_half_rewound && exit 0
for file in "$saved"/*; do
  case \${file##*/} in log|pg_log) ;; *) rm -rf "$file" ;; esac
done
tell_included >"$saved/included" && copy_own_files "$data" "$saved" "$(cat "$saved/included")" && : >"$saved/whole"
`;

const recoverAlone = `
data=$1 programs=$2 config=$3 saved=$4
${longWork}
guard="# Blackstart is rewinding this server, or was interrupted while it did. The next line keeps it from being started
# half-way; it goes when the rewind ends. See: blackstart plan list; go on: blackstart plan resume.
shared_preload_libraries = 'blackstart_is_rewinding_this_server'"
# A label that an interrupted rewind left would stop this recovery; so would one whose base backup is not restored yet.
grep -q '^blackstart' "$data/backup_label" 2>/dev/null && rm "$data/backup_label"
printf '%s\\n' "$guard" >>"$data/postgresql.auto.conf" && sync "$data/postgresql.auto.conf" 2>/dev/null
rm -f "$data/standby.signal" "$data/recovery.signal"
set -- --single -F -D "$data" -c shared_preload_libraries= -c archive_mode=off
[ -n "$config" ] && set -- "$@" -c "config_file=$config"
"$programs/postgres" "$@" template1 </dev/null >"$data.single.log" 2>&1 || said=$?
: >"$data/standby.signal"
# Whoever goes on from here, by a clone say, must not take the guard for one of its own settings.
[ -z "$said" ] || cp -a "$saved/postgresql.auto.conf" "$data/"
[ -z "$said" ] || { tail -n 12 "$data.single.log" >&2; rm -f "$data.single.log"; exit 1; }
rm -f "$data.single.log"
`;

const rewindScript = `
data=$1 programs=$2 saved=$3 source=$4 passfile=$5
${longWork}
${ownedFolderFunction}
${ownFilesFunctions}
own_files_back() {
  copy_own_files "$saved" "$data" "$(cat "$saved/included" 2>/dev/null)" && put_logs_back
}
IFS= read -r PGPASSWORD && [ -n "$PGPASSWORD" ] && export PGPASSWORD || unset PGPASSWORD
[ -r "$passfile" ] && export PGPASSFILE="$passfile"
set_logs_aside || { put_logs_back; exit 1; }
[ -e "$data/backup_label" ] || echo 'blackstart: this server is being rewound' >"$data/backup_label"
"$programs/pg_rewind" --target-pgdata="$data" --source-server="$source" --no-ensure-shutdown --no-sync >"$saved/said" 2>&1
code=$?
: >"$data/standby.signal"
if [ "$code" != 0 ]; then
  cat "$saved/said" >&2
  # Before this line nothing was changed: then the server stays as it was.
  grep -q 'rewinding from last common checkpoint' "$saved/said" && exit 4
  grep -q '^blackstart' "$data/backup_label" && rm "$data/backup_label"
  # They may change before the next time.
  own_files_back && rm -f "$saved/whole"
  exit 1
fi
own_files_back || exit 1
# Still ours: there was nothing to rewind.
grep -q '^blackstart' "$data/backup_label" 2>/dev/null && rm "$data/backup_label"
sync -f "$data" 2>/dev/null || sync
`;

const halfRewound = 4;

/** See `Instance.lacksForRewind`. */
export async function lacksForRewind(place: Place, programs: string): Promise<string | undefined> {
  const { code } = await place.host.run({ script: '[ -x "$1/pg_rewind" ]', args: [programs], timeoutMs: 5000 });
  if (code !== 0) return `there is no pg_rewind in ${programs}`;
  const { checksums, walLogHints } = await control(place);
  return checksums || walLogHints ? undefined : "neither data checksums nor wal_log_hints are on";
}

/** See `Instance.canRewind`. */
export async function canRewind(place: Place, programs: string): Promise<boolean> {
  if ((await lacksForRewind(place, programs)) !== undefined) return false;
  return (await control(place)).clusterState !== killedStandby;
}

/** See `Instance.rewind`. */
export async function rewind(
  place: Place,
  programs: string,
  { url: sourceUrl, address }: Readonly<{ url: string; address: Parameters<typeof aimedAt>[1] | undefined }>,
  limit: WorkLimit,
): Promise<void> {
  await assertDown(place);
  await assertNoStandbyKilled(place);
  const credentials = await settleSource(place, sourceUrl);
  const data = place.dataDirectory;
  const saved = beside(place, "own-files");
  const asOwner = { as: data, ...limit } as const;
  const aside = [data, saved, place.configFile ?? ""];
  await runOrThrow(place, "preparing to rewind", { script: prepare, args: [data, saved], timeoutMs: 10_000 });
  await runOrThrow(place, "setting its own files aside", { script: setAside, args: aside, ...asOwner });
  if (!(await control(place)).clusterState.startsWith("shut down")) {
    const args = [data, programs, place.configFile ?? "", saved];
    await runOrThrow(place, "recovering it from its own log", { script: recoverAlone, args, ...asOwner });
  }
  const { password, ...source }: Conninfo = { ...credentials, ...parseConninfo(sourceUrl) };
  const own = password === undefined ? parseConninfo(await readSetting(place, programs, "primary_conninfo")) : {};
  const result = await place.host.run({
    script: rewindScript,
    args: [
      data,
      programs,
      saved,
      formatConninfo({ dbname: "postgres", ...(address === undefined ? source : aimedAt(source, address)) }),
      own.passfile ?? "",
    ],
    // Not among the arguments, which every account of the machine can see.
    input: `${password ?? ""}\n`,
    ...asOwner,
  });
  if (result.code === 0) {
    await runOrThrow(place, "clearing up after the rewind", {
      script: 'rm -rf "$1"',
      args: [saved],
      timeoutMs: 60_000,
    });
    return;
  }
  const next =
    result.code === halfRewound
      ? "It was half rewound and cannot start as it is; that is intended. Rewind it again, or clone it anew."
      : "Nothing was changed. Put right what pg_rewind names, or clone the node anew.";
  throw commandFailed(place, "pg_rewind", result, next);
}

const killedStandby = "in archive recovery";

/**
 * pg_rewind takes a server that was shut down, and a standby that was killed would have to be recovered alone, in
 * single-user mode: that ends its recovery, and writes into the timeline of its primary what the primary never wrote.
 * The same holds for a base backup that has not been started yet.
 */
async function assertNoStandbyKilled(place: Place): Promise<void> {
  const { clusterState } = await control(place);
  const { code } = await place.host.run({
    script: '[ -e "$1/backup_label" ] && ! grep -q "^blackstart" "$1/backup_label"',
    args: [place.dataDirectory],
    as: place.dataDirectory,
    timeoutMs: 5000,
  });
  const isUntouchedBackup = code === 0 && !clusterState.startsWith("shut down");
  if (clusterState !== killedStandby && !isUntouchedBackup) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${place.node} cannot be rewound.`,
    why: `It is a standby that was not shut down in order (“${clusterState}”); to recover it alone would write into its primary's timeline.`,
    next: "Start it as a standby and stop it in order, or clone it anew. Nothing was changed.",
    details: { node: place.node, clusterState },
  });
}

/**
 * pg_rewind asks the source's control file for its timeline, where a promotion shows only after the next checkpoint. Until
 * then it would find both on the same timeline, say that there is nothing to rewind, and leave a server that cannot
 * follow and still has what the source never got. Answers as whom the source let us in.
 */
async function settleSource(place: Place, sourceUrl: string): Promise<ReturnType<typeof credentialsOf>> {
  return withConnection(sourceUrl, { queryTimeoutMs: checkpointTimeoutMs }, async (connection) => {
    const isSettled = async () => (await connection.query<{ settled: boolean }>(settledQuery))[0]?.settled === true;
    if (await isSettled()) return credentialsOf(connection);
    await connection.query("checkpoint");
    if (await isSettled()) return credentialsOf(connection);
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `${place.node} cannot be rewound to ${withoutPassword(sourceUrl)} yet.`,
      why: "That server's control file does not show its present timeline.",
      next: "If it is a standby, rewind to the primary; otherwise run CHECKPOINT there and try again.",
    });
  });
}

const checkpointTimeoutMs = 5 * 60_000;
const settledQuery = `
  select not pg_is_in_recovery() and timeline_id = ('x' || substr(pg_walfile_name(case
    when pg_is_in_recovery() then null else pg_current_wal_lsn() end), 1, 8))::bit(32)::int as settled
  from pg_control_checkpoint()`;

export async function assertDown(place: Place): Promise<void> {
  const { state, pids } = await knownState({ ...place, inspect: () => inspect(place) });
  if (pids.length === 0) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The data directory of ${place.node} is in use.`,
    why: `Processes of its server are there: ${pids.slice(0, 10).join(", ")}.`,
    next: "Stop the server first.",
    details: { node: place.node, state },
  });
}
