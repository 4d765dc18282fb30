import { DatabaseSync } from "node:sqlite";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { messageOf } from "../../base/error.ts";
import { bootClockMs } from "./boot-clock.ts";
import { createBatch } from "./batch.ts";
import { sqliteCode, sqliteCodeOf } from "./errors.ts";
import type { BatchReply, Operation, Outcome } from "./protocol.ts";

/**
 * The one writer of this process, in a thread of its own: a slow disk never holds up the watch. All that has arrived
 * while a transaction was being synced goes into the next one.
 */
export type WriterData = Readonly<{ file: string; busyTimeoutMs: number }>;

/** A transaction takes in no more than so many batches, so that the first of them does not wait for ever. */
const batchesPerTransaction = 256;
/** After so many operations the WAL is copied into the file, outside the wait of any append. */
const operationsPerCheckpoint = 2_000;

function main(port: MessagePort, data: WriterData): void {
  const database = new DatabaseSync(data.file);
  database.exec(
    `pragma busy_timeout = ${data.busyTimeoutMs}; pragma synchronous = full; pragma wal_autocheckpoint = 0`,
  );
  const carryOut = createBatch(database, bootClockMs);
  let operations = 0;
  let broken: BatchReply | undefined;

  port.on("message", (first: readonly Operation[] | "close") => {
    const batches: (readonly Operation[])[] = [];
    let closing = first === "close";
    if (first !== "close") batches.push(first);
    while (!closing && batches.length < batchesPerTransaction) {
      const next = receiveMessageOnPort(port);
      if (next === undefined) break;
      if (next.message === "close") closing = true;
      else batches.push(next.message);
    }
    if (batches.length > 0) {
      const replies = broken === undefined ? answer(carryOut, batches) : batches.map(() => broken as BatchReply);
      for (const reply of replies) {
        if (reply.kind === "failed" && reply.fatal) broken = reply;
        port.postMessage(reply);
      }
      for (const batch of batches) operations += batch.length;
    }
    if (closing) {
      database.close();
      port.close();
    } else if (operations >= operationsPerCheckpoint) {
      operations = 0;
      database.exec("pragma wal_checkpoint(passive)");
    }
  });
  port.postMessage("ready");
}

/** One reply for each batch, in order. */
function answer(
  carryOut: (operations: readonly Operation[]) => Outcome[],
  batches: readonly (readonly Operation[])[],
): readonly BatchReply[] {
  try {
    const outcomes = carryOut(batches.flat());
    let from = 0;
    return batches.map((batch) => {
      const until = from + batch.length;
      const reply: BatchReply = { kind: "done", outcomes: outcomes.slice(from, until) };
      from = until;
      return reply;
    });
  } catch (error) {
    const code = sqliteCodeOf(error);
    const reply: BatchReply = {
      kind: "failed",
      message: messageOf(error),
      errcode: code ?? 0,
      // After a failed fsync the kernel may report success for data that it has dropped: nothing may follow it.
      fatal: code === sqliteCode.ioError || code === sqliteCode.corrupt || code === sqliteCode.notADatabase,
    };
    return batches.map(() => reply);
  }
}

if (parentPort !== null) main(parentPort as unknown as MessagePort, workerData as WriterData);
