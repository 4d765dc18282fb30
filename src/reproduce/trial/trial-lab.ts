import { constants } from "node:fs";
import { access, lstat, mkdir, readdir, readFile, rmdir, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import { userInfo } from "node:os";
import { createLab } from "../../lab/create.ts";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Lab, PacemakerConfiguration } from "../../lab/lab.ts";
import { labOf, recordsIn } from "../../lab/open.ts";
import { isAbandoned } from "../../lab/status.ts";
import { clearSpares, type Spares } from "../../lab/spares.ts";
import type { TrialSpec } from "../scenario/configuration.ts";
import type { Scenario } from "../scenario/schema.ts";

/** Room for a few small clusters at once, with their logs. */
const bytesWanted = 2 * 2 ** 30;
const memoryFolder = "/dev/shm";

/**
 * Where the clusters of trials are made: in memory where there is room, because what a trial waits for is the disk, and
 * nothing of it is kept. Not where a power loss is part of the story, or disks are; nor for hosts of Pacemaker, which have a
 * shared memory of their own in that place.
 */
export async function trialFolder(cluster: Scenario["cluster"], otherwise: string): Promise<string> {
  const hasRoom = await access(memoryFolder, constants.W_OK)
    .then(() => statfs(memoryFolder))
    .then(({ bavail, bsize }) => bavail * bsize >= bytesWanted)
    .catch(() => false); // There is no such folder here: then the disk.
  const { folder, uid } = folderInMemory();
  const fits = !cluster.durable && !cluster.disks && cluster.manager !== "pacemaker";
  if (!fits || !hasRoom) return otherwise;
  await mkdir(folder, { mode: 0o755 }).catch(() => undefined /* It is there already: whose it is, is seen below. */);
  return (await isOnlyOurs(folder, uid)) ? folder : otherwise;
}

function folderInMemory() {
  const { uid } = userInfo();
  return { folder: join(memoryFolder, `blackstart-${uid}`), uid };
}

/** Anybody may make a folder in that place, and what lies in ours is taken down without a question. */
async function isOnlyOurs(folder: string, uid: number): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === uid && (found.mode & 0o022) === 0;
}

/** Makes the cluster that a trial is about. `scenarioFolder`: where files that the scenario names are looked for. */
export async function makeTrialLab(
  spec: TrialSpec,
  { folder, spares, scenarioFolder }: Readonly<{ folder: string; spares: Spares; scenarioFolder: string }>,
  signal: AbortSignal,
): Promise<Lab> {
  const { cluster, settings, patroni } = spec;
  const { "*": forAll = {}, ...nodeSettings } = settings;
  const times = { ttl: patroni.ttl, loopWait: patroni.loop_wait, retryTimeout: patroni.retry_timeout };
  const lab = await createLab({
    home: folder,
    spares,
    manager: cluster.manager,
    standbys: cluster.standbys,
    proxied: cluster.proxied,
    durable: cluster.durable,
    archive: cluster.archive,
    disks: cluster.disks,
    settings: forAll,
    nodeSettings,
    patroni: Object.fromEntries(Object.entries(times).filter(([, seconds]) => seconds !== undefined)),
    ...(cluster.configuration === undefined
      ? {}
      : { pacemaker: await configurationIn(resolve(scenarioFolder, cluster.configuration)) }),
  });
  return {
    ...lab,
    down() {
      // While this one is taken down, the files of the next are copied; its story they would only slow down.
      if (!signal.aborted) spares.refill();
      return lab.down();
    },
  };
}

async function configurationIn(file: string): Promise<PacemakerConfiguration> {
  const text = await readFile(file, "utf8").catch((error) => {
    throw new BlackstartError("USAGE", {
      what: `The scenario's cluster configuration ${file} cannot be read.`,
      why: messageOf(error),
      next: "Name a file that `cibadmin --query` or `crm configure show` wrote, from the scenario's folder.",
    });
  });
  return { kind: text.trimStart().startsWith("<") ? "cib" : "crm", text, source: file };
}

/** The labs of trials that a killed search has left, of any scenario: in memory, and below the folder of reproductions. */
export async function abandonedTrialLabs(reproductions: string): Promise<readonly Lab[]> {
  const folders = await trialFolders(reproductions);
  return folders.flatMap((each) => recordsIn(each).filter(isAbandoned).map(labOf));
}

/** Takes away the spare copies that a killed search has left there. */
export async function clearTrialSpares(reproductions: string): Promise<void> {
  for (const folder of await trialFolders(reproductions)) clearSpares(folder);
}

async function trialFolders(reproductions: string): Promise<readonly string[]> {
  const { folder, uid } = folderInMemory();
  const names = await readdir(reproductions).catch(() => []); // Nothing was ever reproduced.
  return [
    ...((await isOnlyOurs(folder, uid)) ? [folder] : []),
    ...names.map((name) => join(reproductions, name, "labs")),
  ];
}

/** Takes down what killed predecessors left there, and the folder itself once it is empty. */
export async function clearTrialFolder(folder: string): Promise<void> {
  for (const record of recordsIn(folder).filter(isAbandoned)) await labOf(record).down();
  clearSpares(folder);
  await rmdir(folder).catch(() => undefined /* Not there, or somebody else's trials are in it. */);
}
