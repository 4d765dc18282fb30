import { access, constants, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../../base/error.ts";

/*
 * The address file: one line, `host:port` of the primary, which the clients read whenever they connect.
 */

/** What it says; undefined where there is none. */
export async function readClientsAddress(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Why it could not be written, as far as that can be told without writing; undefined: nothing speaks against it. */
export async function clientsAddressProblem(file: string): Promise<string | undefined> {
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
    const there = await stat(file).catch(() => undefined /* the first time there is none */);
    return there?.isDirectory() === true ? `${file} is a directory` : undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Puts the address there so that a reader sees the old line or the new one, never half of one, and so that it is there
 * after a power loss. Keeps the file's mode and owner.
 */
export async function writeClientsAddress(file: string, address: string): Promise<void> {
  const before = await stat(file).catch(() => undefined /* the first time there is none */);
  const next = `${file}.${process.pid}.new`;
  try {
    const handle = await open(next, "w", before?.mode ?? 0o644);
    try {
      if (before !== undefined) {
        await handle.chmod(before.mode & 0o7777);
        if (process.getuid?.() === 0) await handle.chown(before.uid, before.gid);
      }
      await handle.writeFile(`${address}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw new Error(`The address file ${file} cannot be written: ${messageOf(error)}.`, { cause: error });
  }
  await syncDirectory(dirname(file));
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
