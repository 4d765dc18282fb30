import { execFile } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { deviceOf } from "../mounts.ts";
import type { Volume } from "../volumes.ts";

/** An error as a disk gives it; `errors=remount-ro` does the rest. */
export async function raiseError({ mountPoint }: Volume): Promise<void> {
  const trigger = `/sys/fs/ext4/${deviceOf(mountPoint)}/trigger_fs_error`;
  try {
    writeFileSync(trigger, "injected by blackstart lab break");
  } catch (error) {
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: "The disk cannot be made to fail.",
      why: `The kernel does not let us: ${messageOf(error)}`,
      next: "It needs a /sys/fs/ext4 that may be written to; `disk-failing` does without.",
    });
  }
}

/** FS_IOC_SHUTDOWN of linux/fs.h (ext4, xfs, f2fs): 1 flushes the journal, 2 does not. Perl or Python can ask for it. */
export async function shutDown({ mountPoint }: Volume, flag: 1 | 2): Promise<void> {
  const request = 0x8004587d;
  const perl = `open(my $f, "<", $ARGV[0]) or die "$!"; my $v = pack("L", ${flag}); ioctl($f, ${request}, $v) or die "$!"`;
  const python = `import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), ${request}, struct.pack("I", ${flag}))`;
  const failures: string[] = [];
  for (const [program, switch_, text] of [
    ["perl", "-e", perl],
    ["python3", "-c", python],
  ] as const) {
    const failure = await promisify(execFile)(program, [switch_, text, mountPoint], { timeout: 10_000 }).then(
      () => undefined,
      messageOf,
    );
    if (failure === undefined) return;
    failures.push(failure);
  }
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: "The disk cannot be made to fail.",
    why: `It is asked of the kernel through perl or python3, and neither could: ${failures.join("; ")}`,
    next: "Install perl-base or python3.",
  });
}

const filler = "filler";

/** Takes what is free, then half of that, and so on until there is nothing. */
export async function fill({ mountPoint }: Volume): Promise<void> {
  const file = join(mountPoint, filler);
  let takes = Number.POSITIVE_INFINITY;
  for (;;) {
    const { bavail, bsize } = statfsSync(mountPoint);
    takes = Math.min(Math.floor(takes / 2), bavail);
    if (takes < 1) return;
    const from = existsSync(file) ? statSync(file).size : 0;
    const args = ["-o", String(from), "-l", String(takes * bsize), file];
    const done = await promisify(execFile)("fallocate", args, { timeout: 30_000 }).then(
      () => true,
      () => false, // Some of what is free is kept back for the file system itself.
    );
    if (done) takes = Number.POSITIVE_INFINITY;
  }
}

/** Gives back what `fill` took; answers whether it had taken something. */
export function free({ mountPoint }: Volume): boolean {
  const file = join(mountPoint, filler);
  const was = existsSync(file);
  removeIfPossible(file);
  return was;
}

/** The error's code, as a program that writes gets it; undefined: it could. */
export function errorOfWrite(folder: string): string | undefined {
  const file = join(folder, ".probe");
  try {
    const opened = openSync(file, "w");
    try {
      writeSync(opened, Buffer.alloc(64 * 1024));
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    removeIfPossible(file);
  }
}

/** A disk that takes no writes lets nothing be removed either. */
function removeIfPossible(file: string): void {
  try {
    if (existsSync(file)) unlinkSync(file); // `rm` of Node 24 gives no code.
  } catch (error) {
    if (!["EROFS", "EIO"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
