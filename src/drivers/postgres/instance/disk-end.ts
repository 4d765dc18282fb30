import { createHash } from "node:crypto";
import type { DiskEnd } from "../instance.ts";
import { parseHistory } from "../history.ts";
import { minRecoveryAt, parsedControl } from "./control.ts";
import { type Place, runOrThrow } from "./place.ts";

/* Where the timelines of the last checkpoint and of minRecoveryPoint lie, see control.ts. */
const checkpointTimelineAt = 48;
const reachedTimelineAt = minRecoveryAt + 8;

/** pg_control, and the history of the timeline that it names last (the byte order is the machine's own). */
export const diskEndScript = `
control=$1/global/pg_control
od -An -v -tx1 -N1024 "$control" || exit 1
set -- "$1" $(od -An -v -tu4 -j${checkpointTimelineAt} -N${reachedTimelineAt + 4 - checkpointTimelineAt} "$control")
data=$1 timeline=$2; shift ${(reachedTimelineAt - checkpointTimelineAt) / 4 + 1}
[ "$1" -le "$timeline" ] || timeline=$1
echo history
[ "$timeline" != 1 ] || exit 0
file=$data/pg_wal/$(printf '%08X' "$timeline").history
[ ! -e "$file" ] || cat "$file"
`;

/** See `Instance.diskEnd`. */
export async function diskEnd(place: Place): Promise<DiskEnd> {
  const { stdout } = await runOrThrow(place, "reading pg_control and its timeline's history", {
    script: diskEndScript,
    args: [place.dataDirectory],
    as: place.dataDirectory,
    timeoutMs: 5000,
  });
  return diskEndFrom(place, stdout);
}

/** What the script's output means. Throws HOST_COMMAND_FAILED, or SyntaxError of a history. */
export function diskEndFrom(place: Place, stdout: string): DiskEnd {
  const [hex = "", history = ""] = stdout.split("history\n");
  const { timelineId, reachedLsn, clusterState } = parsedControl(place, hex);
  const ancestors = history.trim() === "" ? undefined : parseHistory(history);
  const digest = createHash("sha256").update(hex).digest("hex").slice(0, 16);
  return {
    timelineId,
    lsn: reachedLsn,
    ancestors: timelineId === 1 ? [] : ancestors,
    control: digest,
    clusterState,
  };
}
