import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { BlackstartError } from "../../base/error.ts";
import type { Violation } from "../violations.ts";
import type { Row, Table } from "./tables.ts";

/** The first line of a before-image: enough to find out later what became of the transaction, and to undo it. */
export type BeforeImageHeader = Readonly<{
  kind: "repair";
  plan: string;
  invariant: string;
  cluster: string;
  at: string;
  systemIdentifier: string;
  timelineId: number;
  database: string;
  /** The repairing transaction, 64 bits wide. */
  xid: string;
  violations: number;
  tables: readonly Pick<Table, "name" | "columns" | "key">[];
}>;

export type BeforeImageLine =
  | BeforeImageHeader
  | Readonly<{ kind: "violation"; row: Violation }>
  | Readonly<{ kind: "before" | "after"; table: string; row: Row }>
  | Readonly<{ kind: "end"; before: number; after: number }>;

export function beforeImageFile(home: string, plan: string): string {
  return join(home, "before-images", `${plan}.jsonl`);
}

export interface BeforeImageWriter {
  write(line: BeforeImageLine): Promise<void>;
  /** On disk, under its name, whole. After this the transaction may be committed. */
  finish(): Promise<void>;
  /** Takes back an unfinished one. */
  discard(): Promise<void>;
}

const bufferBytes = 256 * 1024;

/** Writes beside the final name and renames when all is on disk: under its name there is only ever a whole one. */
export async function writeBeforeImage(file: string): Promise<BeforeImageWriter> {
  const directory = dirname(file);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.unfinished`;
  await rm(unfinished, { force: true });
  const handle = await open(unfinished, "wx", 0o600);
  let buffered = "";
  let counts = { before: 0, after: 0 };
  let closed = false;
  const flush = async () => {
    if (buffered !== "") await handle.appendFile(buffered);
    buffered = "";
  };
  const close = async () => {
    if (!closed) await handle.close();
    closed = true;
  };
  return {
    async write(line) {
      if (line.kind === "before" || line.kind === "after") counts = { ...counts, [line.kind]: counts[line.kind] + 1 };
      buffered += `${JSON.stringify(line)}\n`;
      if (buffered.length >= bufferBytes) await flush();
    },
    async finish() {
      buffered += `${JSON.stringify({ kind: "end", ...counts })}\n`;
      await flush();
      await handle.sync();
      await close();
      await rename(unfinished, file);
      await syncDirectory(directory);
    },
    async discard() {
      await close();
      await rm(unfinished, { force: true });
    },
  };
}

/** Every line in order. A file that is not there, or is cut short at its end, throws. */
export async function* readBeforeImage(file: string): AsyncGenerator<BeforeImageLine> {
  if ((await readHeader(file)) === undefined)
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `The before-image ${file} is not there.`,
      why: "It was removed, or the repair was carried out with another state directory or on another machine.",
      next: "Bring it here, then try again.",
    });
  const lines = createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  let last: BeforeImageLine | undefined;
  for await (const text of lines) {
    last = JSON.parse(text) as BeforeImageLine;
    yield last;
  }
  if (last?.kind !== "end")
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `The before-image ${file} is cut short.`,
      why: "Its last line is missing, so rows may be missing as well.",
      next: "Look for another copy; restore single rows by hand from the lines that are there.",
    });
}

/** The first line; undefined when there is no such file. */
export async function readHeader(file: string): Promise<BeforeImageHeader | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    for await (const line of handle.readLines({ autoClose: false })) return JSON.parse(line) as BeforeImageHeader;
    return undefined;
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
