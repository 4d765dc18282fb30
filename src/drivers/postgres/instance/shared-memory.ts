import type { LeftMemory } from "../instance.ts";
import { type Place, runOrThrow } from "./place.ts";
import { processFunctions } from "./processes-script.ts";

const timeoutMs = 10_000;

/**
 * A server that is killed leaves its shared memory; its next start clears it away, but there may be none, where the
 * directory was cloned anew. Told is only what nobody uses:
 *
 * - System V segments to which nobody is attached, of the directory's owner, whose key is the inode of the directory, or
 *   of one that was moved aside (sysv_shmem.c, PGSharedMemoryCreate);
 * - files in /dev/shm (dsm_impl.c) that are the owner's and that no process maps; none, where a server is seen of which we
 *   may not know what it maps.
 */
const script = `
data=$1
${processFunctions}
find_servers
[ -n "$servers" ] || find_doubt
owner=$(ls -ldn "$data" 2>/dev/null | { read -r _ _ uid _; echo "$uid"; })
[ -n "$owner" ] && [ -z "$doubt" ] || exit 0
keys=
for folder in "$data" "$data".aside-*; do
  # The server that runs may be about to attach to its own.
  [ -e "$folder" ] && { [ "$folder" != "$data" ] || [ -z "$servers" ]; } || continue
  inode=$(ls -di "$folder" | { read -r inode _; echo "$inode"; })
  key=$((inode & 4294967295)); [ "$key" -le 2147483647 ] || key=$((key - 4294967296))
  keys="$keys|$key"
done
if [ -r /proc/sysvipc/shm ] && [ -n "$keys" ]; then
  grep -E "^ *(\${keys#|}) " /proc/sysvipc/shm | while read -r _ id _ bytes _ _ attached uid _; do
    [ "$attached" != 0 ] || [ "$uid" != "$owner" ] || echo "segment $id $bytes"
  done
fi
for folder in /proc/[0-9]*; do
  { IFS= read -r name <"$folder/comm"; } 2>/dev/null && [ "$name" = postgres ] || continue
  # Empty is that of a process that is about to end: it maps nothing any more.
  { true <"$folder/maps"; } 2>/dev/null || [ ! -e "$folder/comm" ] || is_zombie "\${folder#/proc/}" || exit 0
done
mapped=$(cat /proc/[0-9]*/maps 2>/dev/null | grep -o '/dev/shm/PostgreSQL\\.[0-9]*' | sort -u)
ls -ln /dev/shm | while read -r mode _ uid _ bytes _ _ _ name; do
  case $mode$name in -*PostgreSQL.*[!0-9]) continue ;; -*PostgreSQL.*) [ "$uid" = "$owner" ] || continue ;; *) continue ;; esac
  case "
$mapped
" in *"
/dev/shm/$name
"*) ;; *) echo "file /dev/shm/$name $bytes" ;; esac
done
exit 0
`;

/** Looked at again first: what is in use by now stays. */
const removeScript = `
while read -r kind name; do
  case $kind in
    segment) ipcrm -m "$name" 2>/dev/null || true ;;
    file) rm -f "$name" ;;
  esac
done
`;

/** See `Instance.leftMemory`. */
export async function leftMemory(place: Place): Promise<readonly LeftMemory[]> {
  const args = [place.dataDirectory];
  const { stdout } = await runOrThrow(place, "looking for shared memory left behind", { script, args, timeoutMs });
  return stdout.split("\n").flatMap((line): LeftMemory[] => {
    const [kind, name = "", bytes] = line.split(" ");
    return kind === "segment" || kind === "file" ? [{ kind, name, bytes: Number(bytes) }] : [];
  });
}

/** See `Instance.removeLeftMemory`. */
export async function removeLeftMemory(place: Place, which: readonly LeftMemory[]): Promise<readonly LeftMemory[]> {
  const still = await leftMemory(place);
  const removed = still.filter((one) => which.some(({ kind, name }) => kind === one.kind && name === one.name));
  const input = removed.map(({ kind, name }) => `${kind} ${name}\n`).join("");
  await runOrThrow(place, "removing shared memory left behind", { script: removeScript, input, timeoutMs });
  return removed;
}
