import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Lab } from "../../lab/lab.ts";
import type { Configuration } from "../scenario/configuration.ts";

const nameMax = 120;
const part = ".part-";

/**
 * The folder that holds the logs of trials with these factors: `control` without any, `all-factors`, otherwise their names.
 * @param all the scenario's factors
 */
export function configurationFolder(configuration: Configuration, all: Configuration): string {
  if (configuration.length === 0) return "control";
  if (configuration.length === all.length) return "all-factors";
  const names = configuration.join("+");
  if (names.length <= nameMax) return `with-${names}`;
  const digest = createHash("sha256").update(names).digest("hex").slice(0, 8);
  return `with-${names.slice(0, nameMax)}-${digest}`;
}

/**
 * Copies the logs of every node, before the cluster is taken down, and answers where they are; undefined where such a folder
 * is there already: one of a kind is enough. It appears whole under its name, so what is killed leaves no half of it.
 */
export async function keepLogs(lab: Lab, folder: string): Promise<string | undefined> {
  if (existsSync(folder)) return undefined;
  await mkdir(dirname(folder), { recursive: true });
  const half = await mkdtemp(`${folder}${part}${process.pid}-`);
  try {
    for (const { name, logs } of lab.nodes)
      for (const log of logs)
        await copyFile(log, join(half, `${name}-${basename(log)}`)).catch((error) => {
          if (error.code !== "ENOENT") throw error; // A server that never started wrote none.
        });
    await rename(half, folder);
    return folder;
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    // Another trial that ended so was quicker.
    if (existsSync(folder)) return undefined;
    throw error;
  }
}

/** Removes the halves that killed predecessors left below a folder. */
export async function clearHalves(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []); // None was kept yet.
  for (const { name, parentPath } of entries) {
    const pid = Number(/\.part-(\d+)-\w+$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isInteger(pid) && !existsSync(`/proc/${pid}`))
      await rm(join(parentPath, name), { recursive: true, force: true });
  }
}
