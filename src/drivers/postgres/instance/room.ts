import { BlackstartError } from "../../../base/error.ts";
import type { Place } from "./place.ts";

const noRoom = 3;

/** Shell functions; a script that uses them gives its result to `assertRoom`. */
export const roomFunctions = `
# Ends the script, with the reason, unless $1 KiB are free beside $data, or would be with the $2 KiB that are removed first.
# Leave some headroom for other writers on the same disk.
need_room() {
  free=$(df -Pk "$(dirname "$data")" | tail -n 1 | { read -r _ _ _ free _; echo "$free"; })
  free=$((free + $2))
  [ "$free" -lt $(($1 + $1 / 20 + 16384)) ] || return 0
  echo "$(($1 / 1024)) MiB are needed, and $((free / 1024)) MiB are free beside $data." >&2; exit ${noRoom}
}
# Of what is there of these, in KiB, to $size. Files may go while they are counted.
size_of() {
  size=0
  for one in "$@"; do
    [ -e "$one" ] || continue
    counted=$(du -skL "$one" 2>/dev/null | tail -n 1); counted=\${counted%%[!0-9]*}
    size=$((size + \${counted:-0}))
  done
}
`;

/** @param doing completes “There is no room to …” */
export function assertRoom(place: Place, doing: string, { code, stderr }: { code: number; stderr: string }): void {
  if (code !== noRoom) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `There is no room to ${doing}.`,
    why: stderr.trim(),
    next: `Make room on ${place.host.reference}, beside ${place.dataDirectory}. Nothing was changed.`,
    details: { host: place.host.reference, node: place.node },
  });
}
