import { execFile } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { managerOf } from "../managers.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { checkVolume, deviceOf, hasVolumes, mountVolume, unmountVolumes, type Volume, volumesOf } from "../volumes.ts";
import { type LabFault, noParameters } from "./fault.ts";
import { labServer } from "./lab-server.ts";
import { namesOf } from "./server.ts";

const needs = "a lab whose nodes have disks of their own, as root: `lab up --disks`";
const of = z.strictObject({
  of: z.enum(["both", "data", "wal"]).default("both").describe("Which disk: that of the data, or that of the log."),
});
type Of = z.output<typeof of>;
const facts = { kind: "lab", needs, on: "primary", parameters: of, heal: mend } as const;
const repaired = "`heal` ends the server, checks and mounts the disk anew, and starts the server.";

export const diskReadOnly: LabFault<Of> = {
  ...facts,
  name: "disk-read-only",
  description: "The disk of the primary is read-only after an error, as ext4 makes it: every write fails with EROFS.",
  undo: repaired,
  inject: (lab, nodes, { of: which }) =>
    breakVolumes(lab, nodes, which, "read-only", "EROFS", async ({ mountPoint }) =>
      writeFileSync(`/sys/fs/ext4/${deviceOf(mountPoint)}/trigger_fs_error`, "injected by blackstart lab break"),
    ),
};

export const diskFailing: LabFault<Of> = {
  ...facts,
  name: "disk-failing",
  description: "The disk of the primary answers every write with an input/output error (EIO).",
  undo: repaired,
  inject: (lab, nodes, { of: which }) => breakVolumes(lab, nodes, which, "failing", "EIO", (it) => shutDown(it, 1)),
};

export const diskFull: LabFault<Of> = {
  ...facts,
  name: "disk-full",
  description: "The disk of the primary is full: no space is left for data, or for the log (ENOSPC).",
  undo: "`heal` frees the space, and starts the server if it ended.",
  inject: (lab, nodes, { of: which }) => breakVolumes(lab, nodes, which, "full", "ENOSPC", fill),
};

export const powerLoss: LabFault = {
  kind: "lab",
  name: "power-loss",
  description:
    "The primary's machine lost its power: all is gone at once, and with it what was written and not yet on the disk.",
  undo: "`heal` switches it on again: the server recovers from what its disk has.",
  needs,
  on: "primary",
  parameters: noParameters,
  async inject(lab, nodes) {
    for (const node of nodes) {
      assertVolumes(lab, node);
      const server = labServer(lab, node);
      // Nothing may be written any more once the first disk is gone.
      await server.signal(await server.processes(), "SIGSTOP");
      for (const volume of volumesOf(node)) await shutDown(volume, 2);
    }
    await managerOf(lab).powerOff(lab, nodes);
    await unmountVolumes(nodes);
    for (const volume of nodes.flatMap(volumesOf)) await mountVolume(volume);
    return {
      done: `Cut the power of ${namesOf(nodes)}; what was not yet on its disk is lost.`,
      tookEffect: async () => nodes.every((node) => managerOf(lab).processesOf(lab, node).length === 0),
    };
  },
  async heal(lab, nodes) {
    const on = await managerOf(lab).powerOn(lab, nodes);
    return on.length === 0 ? `${namesOf(nodes)}: running already.` : `Switched on ${namesOf(on)}.`;
  },
};

async function breakVolumes(
  lab: LabRecord,
  nodes: readonly NodeRecord[],
  which: Of["of"],
  inWords: string,
  errno: string,
  act: (volume: Volume) => Promise<void>,
) {
  for (const node of nodes) assertVolumes(lab, node);
  // The inner one first: to a disk that fails nothing below it can be reached.
  const meant = nodes
    .flatMap((node) => [...volumesOf(node)].reverse())
    .filter(({ of: has }) => [has, "both"].includes(which));
  for (const volume of meant) await act(volume);
  return {
    done: `The ${which === "both" ? "disks" : `disk of the ${which}`} of ${namesOf(nodes)} ${which === "both" ? "are" : "is"} ${inWords} now.`,
    tookEffect: async () => meant.every(({ mountPoint }) => errorOfWrite(mountPoint) === errno),
  };
}

/** FS_IOC_SHUTDOWN of linux/fs.h (ext4, xfs, f2fs): 1 flushes the journal, 2 does not. Perl or Python can ask for it. */
async function shutDown({ mountPoint }: Volume, flag: 1 | 2): Promise<void> {
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
async function fill({ mountPoint }: Volume): Promise<void> {
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

/** The error's code, as a program that writes gets it; undefined: it could. */
function errorOfWrite(folder: string): string | undefined {
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

/** Frees what was filled; checks and mounts anew what takes no writes; starts what is down. */
async function mend(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string> {
  const own = nodes.filter(hasVolumes);
  for (const { mountPoint } of own.flatMap(volumesOf)) removeIfPossible(join(mountPoint, filler));
  const broken = own.filter((node) => volumesOf(node).some(({ mountPoint }) => errorOfWrite(mountPoint) !== undefined));
  if (broken.length > 0) {
    await managerOf(lab).powerOff(lab, broken);
    await unmountVolumes(broken);
    for (const volume of broken.flatMap(volumesOf)) {
      await checkVolume(volume);
      await mountVolume(volume);
    }
  }
  const started = await managerOf(lab).powerOn(lab, own);
  const disks = own.length === 0 ? "No node has a disk of its own" : `The disks of ${namesOf(own)} take writes again`;
  return started.length === 0 ? `${disks}.` : `${disks}; started ${namesOf(started)}.`;
}

/** A disk that takes no writes lets nothing be removed either. */
function removeIfPossible(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    if (!["EROFS", "EIO"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function assertVolumes(lab: LabRecord, node: NodeRecord): void {
  if (hasVolumes(node)) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${node.name} of the lab ${lab.name} has no disk of its own that could fail.`,
    why: "It lies on the disk of this machine.",
    next: "Make a lab with disks, as root: `blackstart lab up --disks`.",
    details: { lab: lab.name, node: node.name },
  });
}
