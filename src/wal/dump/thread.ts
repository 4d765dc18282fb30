import { parentPort, workerData } from "node:worker_threads";
import { foundWalFiles } from "../archive/named-files.ts";
import { scan } from "./scan.ts";
import type { FromThread, ThreadData, ToThread } from "./threads.ts";

/* A thread of its own: reads one stretch of log after the other and posts what it makes of it. */

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

async function read(stretch: Readonly<{ from: number; to?: number }>): Promise<void> {
  try {
    const began = (joint: { previous: number; timeline: number }) => post({ kind: "began", joint });
    const scanned = await scan(directory, request, { ...stretch, began }, async (lines) => {
      post({ kind: "lines", memory: lines.buffer, length: lines.length }, [lines.buffer]);
      return new Uint8Array(free.pop() ?? new ArrayBuffer(memoryBytes));
    });
    post({ kind: "done", scanned });
  } catch {
    // The one who waits reads it again, and meets the same.
    post({ kind: "failed" });
  }
}

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer]);
}
