import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../base/error.ts";
import { type FoundFile, foundWalFiles } from "../archive/named-files.ts";
import type { WalDirectory } from "../segments.ts";
import { type Joint, scan, type Scanned, type ScanRequest } from "./scan.ts";

/* A thread of its own: reads one stretch of log after the other and posts what it makes of it. */

/** What a thread is started with. */
export type ThreadData = Readonly<{
  found: readonly FoundFile[];
  shape: Omit<WalDirectory, "files">;
  request: ScanRequest;
}>;

export type Stretch = Readonly<{ from: number; to?: number }>;

/** To the thread: a stretch to read, or memory to write the next lines into. */
export type ToThread = Readonly<{ stretch: Stretch } | { memory: ArrayBuffer }>;
/** From the thread: lines, the last of them followed by what was found. */
export type FromThread = Readonly<
  | { kind: "began"; joint: Joint }
  | { kind: "lines"; memory: ArrayBuffer; length: number }
  | { kind: "done"; scanned: Scanned }
  | { kind: "failed"; reason: string }
>;

const port = parentPort;
const { found, shape, request } = workerData as ThreadData;
const directory = { ...shape, files: foundWalFiles(found, "") };
/** What came back, to be written again: new memory costs more than what is written into it. */
const free: ArrayBuffer[] = [];
const freeMax = 8;
const memoryBytes = 2 * 1024 * 1024;

port?.on("message", (message: ToThread) => {
  if ("stretch" in message) void read(message.stretch);
  else if (free.length < freeMax) free.push(message.memory);
});

async function read(stretch: Stretch): Promise<void> {
  try {
    const began = (joint: Joint) => post({ kind: "began", joint });
    const scanned = await scan(directory, request, { ...stretch, began }, async (lines) => {
      post({ kind: "lines", memory: lines.buffer, length: lines.length }, [lines.buffer]);
      return new Uint8Array(free.pop() ?? new ArrayBuffer(memoryBytes));
    });
    post({ kind: "done", scanned });
  } catch (error) {
    post({ kind: "failed", reason: messageOf(error) });
  }
}

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer]);
}
