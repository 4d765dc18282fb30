import { BlackstartError } from "../../../base/error.ts";
import { withConnection } from "../connection.ts";
import type { WorkLimit } from "../instance.ts";
import type { CloneSource } from "./clone.ts";
import { longWork } from "./leftovers.ts";
import { type Place, runOrThrow } from "./place.ts";

/**
 * A base backup without pg_basebackup, where source and target are on one host: a copy between pg_backup_start and
 * pg_backup_stop over one held connection ("Making a Non-Exclusive Low-Level Backup" in PostgreSQL's documentation).
 * A temporary slot holds the log that the copy needs; both end with the connection, whatever happens.
 *
 * tar ends with 1 when a file changed or went while it was read; the log that is replayed puts that right.
 */
const copyData = `
from=$1 new=$2
${longWork}
{ tar -C "$from" -cf - --exclude=./postmaster.pid --exclude=./postmaster.opts --exclude='./pg_wal/*' \\
    --exclude='./pg_replslot/*' --exclude='./pg_dynshmem/*' --exclude='./pg_notify/*' --exclude='./pg_serial/*' \\
    --exclude='./pg_snapshots/*' --exclude='./pg_stat_tmp/*' --exclude='./pg_subtrans/*' --exclude='pgsql_tmp*' \\
    --exclude=./standby.signal --exclude=./recovery.signal --exclude=./backup_label --exclude=./log \\
    --exclude=./current_logfiles --exclude=./global/pg_control .
  [ $? -le 1 ] || echo "tar could not read $from" >&2
} 2>"$new.said" | tar -C "$new" -xpf - || { cat "$new.said" >&2; rm -f "$new.said"; exit 1; }
failed=$(grep 'could not read' "$new.said"); rm -f "$new.said"
[ -z "$failed" ] || { echo "$failed" >&2; exit 1; }
[ ! -L "$new/pg_wal" ] || { rm "$new/pg_wal" && mkdir -m 700 "$new/pg_wal"; } || exit 1
cp -a "$from/global/pg_control" "$new/global/"
`;

/** The log from the backup's first segment on. Newer segments may still be written: the standby asks for them again. */
const copyLog = `
from=$1 new=$2 first=$3
${longWork}
cat >"$new/backup_label" && chmod 600 "$new/backup_label" || exit 1
for segment in "$from"/pg_wal/*; do
  name=\${segment##*/}
  case $name in
    *.history) cp -a "$segment" "$new/pg_wal/" || exit 1 ;;
    *[!0-9A-F]*) ;;
    *) [ "$(printf '%s\\n%s\\n' "$first" "$name" | LC_ALL=C sort | head -n 1)" = "$first" ] && { cp -a "$segment" "$new/pg_wal/" || exit 1; } ;;
  esac
done
mkdir -p "$new/pg_wal/archive_status" && chmod 700 "$new/pg_wal/archive_status"
`;

/** The checkpoint that a backup begins with writes all that is dirty. */
const queryTimeoutMs = 10 * 60_000;

export async function copyFromRunning(
  place: Place,
  source: CloneSource,
  part: string,
  limit: WorkLimit,
): Promise<void> {
  const from = source.place;
  if (from === undefined || from.host.reference !== place.host.reference) throw noWay(place);
  await withConnection(source.url, { queryTimeoutMs }, async (connection) => {
    const [server] = await connection.query<{ version: number }>(
      "select current_setting('server_version_num')::int as version",
    );
    // Renamed in 15, when the exclusive form went.
    const isNew = (server?.version ?? 0) >= 150_000;
    const slot = `blackstart_clone_${process.pid}_${Date.now()}`;
    await connection.query("select pg_create_physical_replication_slot($1, true, true)", [slot]);
    const [started] = await connection.query<{ wal: string }>(
      `select ${isNew ? "pg_backup_start($1, true)" : "pg_start_backup($1, true, false)"}::text as wal`,
      ["blackstart clone"],
    );
    if (started === undefined) throw new Error("a query without FROM answers with one row");
    const copied = { args: [from.dataDirectory, part], as: part, ...limit };
    await runOrThrow(place, "copying the data directory", { script: copyData, ...copied });
    const [stopped] = await connection.query<{ labelfile: string }>(
      `select labelfile from ${isNew ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)"}`,
    );
    const label = stopped?.labelfile ?? "";
    const first = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? "";
    await runOrThrow(place, "copying the write-ahead log", {
      script: copyLog,
      args: [from.dataDirectory, part, first],
      input: label,
      as: part,
      ...limit,
    });
  });
}

function noWay(place: Place): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${place.node} cannot be cloned.`,
    why: `${place.host.reference} has no pg_basebackup, and the source is on another machine.`,
    next: "Install PostgreSQL's client programs there, or name their directory as the node's `binaries`.",
    details: { node: place.node, host: place.host.reference },
  });
}
