import { execFile } from "node:child_process";
import { chownSync, closeSync, existsSync, ftruncateSync, mkdirSync, openSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { BlackstartError, messageOf } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";
import { serverAccount } from "./account.ts";
import { deviceOf, loopOf, unmountElsewhere } from "./mounts.ts";
import type { LabRecord, NodeRecord } from "./record.ts";
import { logFileOf } from "./server-start.ts";

/**
 * A disk of a node's own, so that it can fail: ext4 in a file, on a loop device. Needs root. `data` holds the node's
 * folder, `wal` its log: either can fail or be full alone. Found again from the record and /proc/self/mountinfo only, so
 * that also a lab whose maker was killed leaves no mount behind.
 */
export type Volume = Readonly<{ of: "data" | "wal"; image: string; mountPoint: string }>;

/** The files are sparse: they take what is written into them. */
const volumeBytes = 1024 ** 3;
const unmountTimeoutMs = 5000;
/** No blocks kept back for root, who looks whether the disk is full; and an error makes it read-only, as is usual. */
const mkfsOptions = ["-q", "-F", "-m", "0", "-e", "remount-ro", "-E", "lazy_itable_init=1,lazy_journal_init=1"];

export function volumesOf(node: NodeRecord): readonly Volume[] {
  const folder = dirname(node.dataDirectory);
  return [
    { of: "data", image: `${folder}.data.disk`, mountPoint: folder },
    { of: "wal", image: `${folder}.wal.disk`, mountPoint: `${folder}.wal` },
  ];
}

export function hasVolumes(node: NodeRecord): boolean {
  return volumesOf(node).every(({ image }) => existsSync(image));
}

/** Makes the disks of every node; the server's log file stays outside of them, to tell what happens to them. */
export async function makeVolumes(lab: LabRecord): Promise<void> {
  assertPossible();
  for (const node of lab.nodes) {
    for (const volume of volumesOf(node)) {
      const file = openSync(volume.image, "wx", 0o600);
      ftruncateSync(file, volumeBytes);
      closeSync(file);
      await run("mkfs.ext4", [...mkfsOptions, volume.image]);
      mkdirSync(volume.mountPoint, { mode: 0o755 });
      await mountVolume(volume);
      own(volume.mountPoint);
    }
    const log = `${dirname(node.dataDirectory)}.log`;
    closeSync(openSync(log, "a"));
    own(log);
    symlinkSync(join("..", basename(log)), logFileOf(node.dataDirectory));
  }
}

/**
 * Moves the node's log to the disk that is made for it, as `initdb --waldir` has it; and what stands for shared memory to
 * where no disk fails: it would let the server fail in a way that no other does.
 */
export async function useVolumes(node: NodeRecord): Promise<void> {
  const disk = volumesOf(node).find(({ of }) => of === "wal") as Volume;
  for (const [name, folder] of [
    ["pg_wal", disk.mountPoint],
    ["pg_dynshmem", `${dirname(node.dataDirectory)}.memory`],
  ] as const) {
    const inside = join(node.dataDirectory, name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    await run("cp", ["-a", inside, folder]);
    rmSync(inside, { recursive: true });
    symlinkSync(join(folder, name), inside);
  }
}

async function mountVolume({ image, mountPoint }: Volume): Promise<void> {
  await run("mount", ["-t", "ext4", "-o", "loop", image, mountPoint]);
}

/** A lab that is ready is on its disks: what a fault may take away is what comes after. */
export async function syncVolumes(nodes: readonly NodeRecord[]): Promise<void> {
  for (const { mountPoint } of nodes.flatMap(volumesOf)) await run("sync", ["-f", mountPoint]);
}

/**
 * Unmounts what is mounted of these nodes, also in mount namespaces that were made meanwhile (by a container, by a lab of
 * hosts): each has a copy of every mount, and while one is left the file system lives on, as broken as it was. The loop
 * devices go with the last.
 */
export async function unmountVolumes(nodes: readonly NodeRecord[]): Promise<void> {
  for (const { image, mountPoint } of nodes.flatMap(volumesOf)) {
    let said = "";
    await pollUntil(
      async () => {
        if (deviceOf(mountPoint) !== undefined) {
          said = await run("umount", [mountPoint]).then(() => "", messageOf);
          return undefined;
        }
        const device = loopOf(image);
        if (device === undefined) return true;
        await unmountElsewhere(device);
        return undefined;
      },
      { everyMs: 20, timeoutMs: unmountTimeoutMs },
    );
    if (deviceOf(mountPoint) !== undefined) throw failed(`${mountPoint} cannot be unmounted.`, said);
  }
}

/** Unmounts them, and mounts them anew as their disks are, checked or not. */
export async function remountVolumes(nodes: readonly NodeRecord[], options: { check: boolean }): Promise<void> {
  await unmountVolumes(nodes);
  for (const volume of nodes.flatMap(volumesOf)) {
    // A mount that found the device still there would see what that remembers, not what is on the disk.
    if (loopOf(volume.image) !== undefined)
      throw failed(
        `The disk ${volume.image} cannot be mounted anew.`,
        "Something else still has it, a container most likely.",
      );
    if (options.check) await checkVolume(volume);
    await mountVolume(volume);
  }
}

/** Repairs what an error left on it. */
async function checkVolume({ image }: Volume): Promise<void> {
  // e2fsck(8): 1 says that errors were corrected.
  await run("e2fsck", ["-p", "-f", image], [0, 1]);
}

function assertPossible(): void {
  if (process.getuid?.() === 0) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: "The nodes of this lab cannot have disks of their own.",
    why: "Only root may make and mount them.",
    next: "Run it as root, or leave out `--disks`: all faults but those of disks work without.",
  });
}

function own(path: string): void {
  const account = serverAccount();
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}

async function run(program: string, args: readonly string[], fine: readonly number[] = [0]): Promise<void> {
  // The system's programs are not always on the path of whoever runs us.
  const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` };
  await promisify(execFile)(program, args, { env, timeout: 30_000, killSignal: "SIGKILL" }).catch((error) => {
    if (fine.includes(error.code)) return;
    throw failed(`${program} ${args.at(-1)} failed.`, String(error.stderr ?? "").trim() || error.message);
  });
}

function failed(what: string, why: string): BlackstartError {
  return new BlackstartError("LAB_FAILED", {
    what,
    why: why || "It gave no reason.",
    next: "See `mount`, `losetup -a` and the kernel's log (dmesg); in a container, whether it may use loop devices.",
  });
}
