import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { messageOf } from "../../base/error.ts";
import { guarded, openedFiles, type WalFile, type WalFiles } from "../files.ts";
import { longHeaderBytes, refusedMagic, segmentNameOf, walUnreadable } from "../format.ts";
import { longHeaderOf } from "../segment-header.ts";
import { packedSuffix, packingOf, unpack } from "./packed.ts";

/** A segment by the name it has in pg_wal, and where it lies: `bytes` of the file as it lies there. Plain data. */
export type FoundFile = WalFile & Readonly<{ path: string }>;

/** As archivers name them: packed or not; pgBackRest puts a checksum behind the name. */
const segmentFile = new RegExp(`^([0-9A-F]{24}(?:\\.partial)?)(?:-[0-9a-f]{40})?${packedSuffix}?$`);
const historyFile = /^[0-9A-F]{8}\.history$/;

/** Archives sort their files into a folder a timeline and 4 GiB, below one a version. */
const depthMax = 3;

/**
 * The log that lies in these files and folders, under the names that PostgreSQL gives it: a folder of segments, a data
 * directory, an archive of pgBackRest, Barman or WAL-G, single files under any name.
 * @throws WAL_UNREADABLE for a path that is not there, is empty, or is no log
 */
export async function findWalFiles(paths: readonly string[]): Promise<readonly FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const path of paths)
    for (const file of await filesAt(path)) if (!found.has(file.name)) found.set(file.name, file);
  return [...found.values()];
}

/** These files as one directory of log. Packed ones are unpacked in memory, one at a time. */
export function foundWalFiles(found: readonly FoundFile[], place: string): WalFiles {
  const paths = new Map(found.map(({ name, path }) => [name, path]));
  const reader = contentReader();
  const pathOf = (name: string) => paths.get(name) ?? name;
  return {
    place,
    list: async () => found,
    read: (name, offset, into) => reader.read(pathOf(name), offset, into),
    text: (name) => guarded(pathOf(name), () => readFile(pathOf(name), "utf8")),
    close: reader.close,
  };
}

async function filesAt(path: string): Promise<readonly FoundFile[]> {
  const about = await stat(path).catch((error: unknown) => {
    throw walUnreadable({
      what: `Cannot read ${path}: ${messageOf(error)}`,
      why: "There is no such file or folder, or this user may not see it.",
      next: "Name segment files (24 hexadecimal digits) or a folder of them, such as a server's pg_wal.",
      cause: error,
    });
  });
  if (about.isDirectory()) return filesIn(path);
  if (about.size === 0)
    throw walUnreadable({
      what: `${path} is empty.`,
      why: "A segment has 16 MiB as a rule, and its first page tells what it is.",
      next: "Take another copy of it; an archive command that failed half-way leaves such files.",
    });
  const name = segmentFile.exec(basename(path))?.[1] ?? (await nameByHeader(path));
  return [{ name, bytes: about.size, path }];
}

async function filesIn(folder: string): Promise<readonly FoundFile[]> {
  const entries = await guarded(folder, () => readdir(folder));
  const start = entries.includes("pg_wal") && entries.includes("PG_VERSION") ? join(folder, "pg_wal") : folder;
  return collected(start, 1);
}

async function collected(folder: string, depth: number): Promise<readonly FoundFile[]> {
  const entries = await guarded(folder, () => readdir(folder, { withFileTypes: true }));
  const files: FoundFile[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (depth < depthMax) files.push(...(await collected(path, depth + 1)));
      continue;
    }
    const name = segmentFile.exec(entry.name)?.[1] ?? (historyFile.test(entry.name) ? entry.name : undefined);
    if (name !== undefined) files.push({ name, bytes: (await stat(path)).size, path });
  }
  return files;
}

/** A file under a name of its own is what its first page says. */
async function nameByHeader(path: string): Promise<string> {
  const reader = contentReader();
  try {
    const bytes = new Uint8Array(longHeaderBytes);
    const got = await reader.read(path, 0, bytes);
    const header = longHeaderOf(new DataView(bytes.buffer));
    if (header !== undefined) return segmentNameOf(header.timeline, header.pageLsn, header.segmentBytes);
    if (got < longHeaderBytes)
      throw walUnreadable({
        what: `${path} is no write-ahead log: it has ${got} bytes.`,
        why: `The header of a segment's first page alone has ${longHeaderBytes}.`,
        next: "Name a segment of pg_wal or of an archive: a file with a name of 24 hexadecimal digits.",
      });
    throw refusedMagic(new DataView(bytes.buffer).getUint16(0, true), path);
  } finally {
    await reader.close();
  }
}

/** Reads of files, packed or not. */
function contentReader() {
  const plain = openedFiles();
  let kept: { path: string; content: Uint8Array | undefined } | undefined;
  return {
    async read(path: string, offset: number, into: Uint8Array): Promise<number> {
      if (kept?.path !== path) kept = { path, content: await unpackedContent(plain, path) };
      if (kept.content === undefined) return plain.read(path, offset, into);
      const part = kept.content.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    close: plain.close,
  };
}

async function unpackedContent(plain: ReturnType<typeof openedFiles>, path: string): Promise<Uint8Array | undefined> {
  const start = new Uint8Array(8);
  await plain.read(path, 0, start);
  const packing = packingOf(start, basename(path));
  return packing === undefined ? undefined : unpack(await guarded(path, () => readFile(path)), packing, path);
}
