import { constants } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { BlackstartError, messageOf } from "../base/error.ts";

/**
 * A directory of write-ahead log, wherever it lies. The contract: reads change nothing; a file that is not there or
 * cannot be read throws; `read` answers fewer bytes than asked for only at the end of the file.
 */
export interface WalFiles {
  /** For messages. */
  readonly place: string;
  list(): Promise<readonly WalFile[]>;
  /** Fills `into` from the byte `offset` on; answers how many bytes were there. */
  read(name: string, offset: number, into: Uint8Array): Promise<number>;
  /** The whole of a small file (a timeline's history). */
  text(name: string): Promise<string>;
  close(): Promise<void>;
}

export type WalFile = Readonly<{ name: string; bytes: number }>;

/** A directory on this machine. */
export function localWalFiles(directory: string): WalFiles {
  const opened = openedFiles();
  return {
    place: directory,
    list: () => guarded(directory, () => listDirectory(directory)),
    read: (name, offset, into) => opened.read(join(directory, name), offset, into),
    text: (name) => guarded(join(directory, name), () => readFile(join(directory, name), "utf8")),
    close: opened.close,
  };
}

/** Reads of files, of which one is held open: log is read file by file. */
export function openedFiles(): Readonly<{
  read(path: string, offset: number, into: Uint8Array): Promise<number>;
  close(): Promise<void>;
}> {
  let opened: { path: string; handle: Awaited<ReturnType<typeof open>> } | undefined;
  const handleOf = async (path: string) => {
    if (opened?.path === path) return opened.handle;
    await opened?.handle.close();
    opened = undefined;
    const handle = await open(path, constants.O_RDONLY);
    opened = { path, handle };
    return handle;
  };
  return {
    read: (path, offset, into) => guarded(path, async () => readFully(await handleOf(path), offset, into)),
    close: async () => {
      await opened?.handle.close();
      opened = undefined;
    },
  };
}

async function listDirectory(directory: string): Promise<readonly WalFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
  return Promise.all(files.map(async ({ name }) => ({ name, bytes: (await stat(join(directory, name))).size })));
}

async function readFully(handle: Awaited<ReturnType<typeof open>>, offset: number, into: Uint8Array): Promise<number> {
  let have = 0;
  while (have < into.length) {
    const { bytesRead } = await handle.read(into, have, into.length - have, offset + have);
    if (bytesRead === 0) break;
    have += bytesRead;
  }
  return have;
}

export async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `Cannot read ${path}: ${messageOf(error)}`,
      why: "The write-ahead log is not there, or this user may not read it.",
      next: "Name the right directory, or run this as the owner of the data directory or as root.",
      cause: error,
    });
  }
}
