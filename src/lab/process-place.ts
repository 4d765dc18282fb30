import { existsSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";

/** The kernel adds this to a link whose target was removed. */
export const deleted = / \(deleted\)$/;

/**
 * Whether a process stands at or below a folder: by device and inode of its working directory and those above it, as
 * `drivers/postgres/instance` knows a server, never by their names. So a link, a bind mount or a container hides
 * nothing, and a process that sees another directory by the same name is none of ours.
 */
export function placeBelow(folder: string): (pid: string) => boolean {
  const ids = new Set([folder, ...dataDirectoriesBelow(folder, 2)].flatMap((path) => idOf(path) ?? []));
  const known = new Map<string, boolean>();
  return (pid) => {
    const own = `/proc/${pid}/cwd`;
    const id = idOf(own);
    if (id === undefined) return false; // Not ours to see, or gone meanwhile.
    const answer = known.get(id) ?? (climbsInto(own, id, ids) || isRemovedBelow(pid, folder));
    known.set(id, answer);
    return answer;
  };
}

/** Where such a one is mounted elsewhere, what lies above it there is another directory than here. */
function dataDirectoriesBelow(folder: string, depth: number): readonly string[] {
  if (depth === 0 || existsSync(join(folder, "PG_VERSION"))) return [];
  const below = entriesOf(folder).map((name) => join(folder, name));
  return below.flatMap((path) =>
    existsSync(join(path, "PG_VERSION")) ? [path] : dataDirectoriesBelow(path, depth - 1),
  );
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // It is not there, or not ours to see.
  }
}

function climbsInto(path: string, id: string, ids: ReadonlySet<string>): boolean {
  if (ids.has(id)) return true;
  const above = idOf(`${path}/..`);
  return above !== undefined && above !== id && climbsInto(`${path}/..`, above, ids);
}

/** Its directory was removed, and has no place any more: only the name is left, which means something in our own namespace. */
function isRemovedBelow(pid: string, folder: string): boolean {
  try {
    const name = readlinkSync(`/proc/${pid}/cwd`);
    if (!deleted.test(name) || idOf(`/proc/${pid}/ns/mnt`) !== idOf("/proc/self/ns/mnt")) return false;
    const path = name.replace(deleted, "");
    return [folder, realpathOf(folder)].some((one) => path === one || path.startsWith(one + sep));
  } catch {
    return false; // It has ended.
  }
}

function realpathOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder; // It was removed as well.
  }
}

function idOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
