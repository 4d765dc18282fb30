import { DatabaseSync } from "node:sqlite";
import { BlackstartError, messageOf } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";

/**
 * Does `work` while nobody else holds the lock of this file, in whichever process.
 *
 * SQLite's lock on an empty database serves, because it is the kernel's: it ends with the process that holds it. A lock
 * file with a pid in it would outlive a killed process.
 */
export async function withLock<T>(file: string, work: () => Promise<T>, options: { timeoutMs: number }): Promise<T> {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    const held = await pollUntil(async () => tryLock(database), { everyMs: 5, timeoutMs: options.timeoutMs });
    if (held === undefined) {
      throw new BlackstartError("LAB_FAILED", {
        what: `The lock ${file} was not free within ${options.timeoutMs} ms.`,
        why: "Another process holds it, and is slow or stopped.",
        next: "See with `fuser` which process has the file open.",
      });
    }
    return await work();
  } finally {
    database.close();
  }
}

function tryLock(database: DatabaseSync): true | undefined {
  try {
    database.exec("begin exclusive");
    return true;
  } catch (error) {
    if (/locked|busy/i.test(messageOf(error))) return undefined;
    throw error;
  }
}
