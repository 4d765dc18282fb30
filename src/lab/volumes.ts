import { execFile } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { BlackstartError } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";
import { serverAccount } from "./account.ts";
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

/** The first is mounted below the folder of the second's mount point. */
export function volumesOf(node: NodeRecord): readonly Volume[] {
  const folder = dirname(node.dataDirectory);
  return [
    { of: "data", image: `${folder}.data.disk`, mountPoint: folder },
    { of: "wal", image: `${folder}.wal.disk`, mountPoint: join(folder, "wal") },
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

export async function mountVolume({ image, mountPoint }: Volume): Promise<void> {
  await run("mount", ["-t", "ext4", "-o", "loop", image, mountPoint]);
}

/** Unmounts what is mounted of these nodes, the inner one first; the loop devices go with it. */
export async function unmountVolumes(nodes: readonly NodeRecord[]): Promise<void> {
  for (const { mountPoint } of nodes.flatMap((node) => [...volumesOf(node)].reverse())) {
    if (deviceOf(mountPoint) === undefined) continue;
    let said = "";
    const gone = await pollUntil(
      async () => {
        said = await run("umount", [mountPoint]).then(
          () => "",
          (error: Error) => error.message,
        );
        return deviceOf(mountPoint) === undefined ? true : undefined;
      },
      { everyMs: 20, timeoutMs: unmountTimeoutMs },
    );
    if (!gone) throw failed(`${mountPoint} cannot be unmounted.`, said);
  }
}

/** Repairs what an error left on it. To be called while it is not mounted. */
export async function checkVolume({ image }: Volume): Promise<void> {
  // e2fsck(8): 1 says that errors were corrected.
  await run("e2fsck", ["-p", "-f", image], [0, 1]);
}

/** `loop3` of what is mounted there. Fields of proc(5)'s mountinfo: 5 the mount point, behind ` - ` type and source. */
export function deviceOf(mountPoint: string): string | undefined {
  const escaped = mountPoint.replaceAll(/[\\ \t\n]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((text) => text.split(" ")[4] === escaped);
  return line === undefined ? undefined : basename(line.split(" - ")[1]?.split(" ")[1] ?? "");
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
