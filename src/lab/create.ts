import { randomBytes } from "node:crypto";
import { mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { BlackstartError, messageOf } from "../base/error.ts";
import { blackstartHome } from "../system/home.ts";
import { canReach, serverAccount } from "./account.ts";
import { makeArchive } from "./archive.ts";
import type { Binaries } from "./binaries.ts";
import { cacheDirectory } from "./cache.ts";
import { demolish } from "./demolish.ts";
import type { Lab, LabOptions } from "./lab.ts";
import type { LabManager } from "./manager.ts";
import { managerNamed } from "./managers.ts";
import { labOf } from "./open.ts";
import { identityOf } from "./processes.ts";
import { type LabRecord, readRecord, writeRecord } from "./record.ts";
import { systemFileText } from "./system-file.ts";
import { makeVolumes, syncVolumes } from "./volumes.ts";

/**
 * Makes a real cluster on this machine and returns when it takes writes and every standby streams. If anything fails, what
 * was made so far is removed before the error is thrown.
 */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const name = options.name ?? `lab-${randomBytes(3).toString("hex")}`;
  const home = resolve(options.home ?? join(blackstartHome(), "labs"));
  assertName(name);
  const manager = managerNamed(options.manager ?? "streaming");
  if (options.disks && manager.name !== "streaming") throw disksOnlyFor(manager.name);
  const binaries = await manager.prepare(options);
  // A foreign program may take a port between our claim and the server's start: then others are tried.
  for (let attempt = 1; ; attempt++) {
    const record = await foundation(name, home, manager, binaries, options);
    try {
      const built = await manager.build(record, await withExtras(record, options));
      if (options.disks) await syncVolumes(built.nodes);
      return finished(built);
    } catch (error) {
      await demolish(record).catch((second) => Promise.reject(new AggregateError([error, second])));
      const again = error instanceof BlackstartError && error.details.addressInUse === true && attempt < 3;
      if (!again) throw error;
    }
  }
}

/** The directory with its record: from here on `down` can clear away whatever there is. */
async function foundation(
  name: string,
  home: string,
  manager: LabManager,
  binaries: Binaries,
  options: LabOptions,
): Promise<LabRecord> {
  const directory = makeDirectory(home, name);
  try {
    const maker = identityOf(process.pid);
    if (maker === undefined) throw new Error("this process has no entry in /proc");
    const nodesDirectory = fittingDirectory(directory, name, manager.folderBytesMax);
    const record: LabRecord = {
      format: 2,
      name,
      state: "being-made",
      maker,
      createdAt: new Date().toISOString(),
      directory,
      nodesDirectory,
      binaries: binaries.directory,
      version: binaries.version,
      durable: options.durable ?? true,
      ...(await manager.plan({ name, directory, nodesDirectory, binaries }, options)),
    };
    writeRecord(record);
    return record;
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** What any manager's lab may have besides its nodes: an archive, disks of its own. */
async function withExtras(record: LabRecord, options: LabOptions): Promise<LabOptions> {
  if (options.disks) await makeVolumes(record);
  return options.archive ? { ...options, settings: { ...makeArchive(record), ...options.settings } } : options;
}

function finished(built: LabRecord): Lab {
  const record: LabRecord = { ...built, state: "ready" };
  const lab = labOf(record);
  writeFileSync(lab.systemFile, systemFileText(record));
  writeRecord(record);
  return lab;
}

function disksOnlyFor(manager: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `A lab with the manager ${manager} has no disks of its own.`,
    why: "They are mounted below the nodes' folders before a server is there; only streaming labs make theirs so.",
    next: "Leave out one of the two: `--disks` or `--manager`.",
  });
}

function assertName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) return;
  throw new BlackstartError("USAGE", {
    what: `“${name}” cannot be a lab's name.`,
    why: "A name has up to 40 small letters, digits and hyphens, and begins with a letter or digit.",
    next: "Choose another name, or leave it out.",
  });
}

/** Its real path: processes are found by where they stand, and the kernel names that without symbolic links. */
function makeDirectory(home: string, name: string): string {
  const directory = join(home, name);
  try {
    mkdirSync(home, { recursive: true });
    mkdirSync(directory, { mode: 0o755 });
    return realpathSync(directory);
  } catch (error) {
    const what = `The lab's directory ${directory} cannot be made.`;
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw new BlackstartError("LAB_FAILED", {
        what,
        why: messageOf(error),
        next: "Set BLACKSTART_HOME to a folder of yours.",
      });
    const isLab = readRecord(directory) !== undefined;
    throw new BlackstartError("LAB_FAILED", {
      what,
      why: isLab
        ? "It is there already: a lab has this name."
        : "It is there already, without a lab.json that can be read: what is left of a lab, or somebody else's.",
      next: isLab
        ? "Take that lab down first, or choose another name."
        : "See what is in it, end what still runs there, and remove it; or choose another name.",
    });
  }
}

/**
 * Root's own folders are often closed to the account that runs the servers, and some have long names: then the nodes lie in
 * the cache's.
 */
function fittingDirectory(directory: string, name: string, bytesMax = Number.POSITIVE_INFINITY): string {
  if (canReach(directory, serverAccount()) && Buffer.byteLength(directory) <= bytesMax) return directory;
  const elsewhere = join(cacheDirectory(), "labs", `${name}-${randomBytes(3).toString("hex")}`);
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  return elsewhere;
}
