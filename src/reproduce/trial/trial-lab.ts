import { constants } from "node:fs";
import { access, copyFile, mkdir, rmdir, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { userInfo } from "node:os";
import { createLab } from "../../lab/create.ts";
import type { Lab } from "../../lab/lab.ts";
import { listLabs, openLab } from "../../lab/open.ts";
import type { TrialSpec } from "../scenario/configuration.ts";

/** Room for a few small clusters at once, with their logs. */
const bytesWanted = 2 * 2 ** 30;
const memoryFolder = "/dev/shm";

/**
 * Where the clusters of trials are made: in memory where there is room, because what a trial waits for is the disk, and
 * nothing of it is kept. Not where a power loss is part of the story.
 */
export async function trialFolder(durable: boolean, otherwise: string): Promise<string> {
  const { uid } = userInfo();
  const hasRoom = await access(memoryFolder, constants.W_OK)
    .then(() => statfs(memoryFolder))
    .then(({ bavail, bsize }) => bavail * bsize >= bytesWanted)
    .catch(() => false); // There is no such folder here: then the disk.
  return !durable && hasRoom ? join(memoryFolder, `blackstart-${uid}`) : otherwise;
}

/** Makes the cluster that a trial is about. */
export function makeTrialLab(spec: TrialSpec, folder: string): Promise<Lab> {
  const { cluster, settings } = spec;
  const { "*": forAll = {}, ...nodeSettings } = settings;
  return createLab({
    home: folder,
    manager: cluster.manager,
    standbys: cluster.standbys,
    proxied: cluster.proxied,
    durable: cluster.durable,
    archive: cluster.archive,
    disks: cluster.disks,
    settings: forAll,
    nodeSettings,
  });
}

/** Takes down what killed predecessors left there, and the folder itself once it is empty. */
export async function clearTrialFolder(folder: string): Promise<void> {
  for (const { name, abandoned } of await listLabs(folder)) if (abandoned) await (await openLab(name, folder)).down();
  await rmdir(folder).catch(() => undefined /* Not there, or somebody else's trials are in it. */);
}

/** Copies the logs of every node, before the cluster is taken down. */
export async function copyLogs(lab: Lab, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const { name, logs } of lab.nodes)
    for (const log of logs)
      await copyFile(log, join(folder, `${name}-${basename(log)}`)).catch((error) => {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // A server that never started wrote none.
      });
  return folder;
}
