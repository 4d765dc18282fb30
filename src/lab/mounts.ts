import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { promisify } from "node:util";

/** `loop3`, of what is mounted there. */
export function deviceOf(mountPoint: string): string | undefined {
  return mountsIn(readFileSync("/proc/self/mountinfo", "utf8")).find((mount) => mount.mountPoint === mountPoint)
    ?.device;
}

/** The loop device that shows this file. */
export function loopOf(image: string): string | undefined {
  if (!existsSync(image)) return undefined;
  return readdirSync("/sys/block").find((device) => {
    try {
      return readFileSync(`/sys/block/${device}/loop/backing_file`, "utf8").trim() === image;
    } catch {
      return false; // No loop device, or one that shows nothing.
    }
  });
}

/**
 * Unmounts a device in all mount namespaces but ours, under whatever path they see it: a container may have another root.
 */
export async function unmountElsewhere(device: string): Promise<void> {
  const seen = new Set([namespaceOf("self")]);
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const namespace = namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    for (const mountPoint of mountsOf(pid, device))
      await promisify(execFile)("nsenter", ["-t", pid, "-m", "umount", mountPoint], { timeout: 5000 }).catch(
        () => undefined, // Whoever waits for the device has a limit.
      );
  }
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined; // It ended meanwhile.
  }
}

function mountsOf(pid: string, device: string): readonly string[] {
  try {
    return mountsIn(readFileSync(`/proc/${pid}/mountinfo`, "utf8")).flatMap((mount) =>
      mount.device === device ? [mount.mountPoint] : [],
    );
  } catch {
    return []; // It ended meanwhile.
  }
}

/** proc(5): the fifth is the mount point, blanks in octal; behind ` - ` stand type and source. */
function mountsIn(mountinfo: string): readonly { mountPoint: string; device: string }[] {
  return mountinfo.split("\n").flatMap((line) => {
    const mountPoint = line.split(" ")[4];
    const source = line.split(" - ")[1]?.split(" ")[1];
    if (mountPoint === undefined || source === undefined) return [];
    const plain = mountPoint.replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [{ mountPoint: plain, device: basename(source) }];
  });
}
