import { createRequire, syncBuiltinESMExports } from "node:module";
import workers from "node:worker_threads";

/*
 * A wall clock that can be stepped, as by an administrator or by NTP, in this process and in every thread that it
 * starts from now on. Such a thread imports this file too.
 */

const key = "blackstart stepped clock";
const given = workers.getEnvironmentData(key);
const offset = new BigInt64Array(given instanceof SharedArrayBuffer ? given : new SharedArrayBuffer(8));
const realNow = Date.now.bind(Date);

Date.now = () => realNow() + Number(Atomics.load(offset, 0));
if (workers.isMainThread) {
  workers.setEnvironmentData(key, offset.buffer);
  const mutable = createRequire(import.meta.url)("node:worker_threads");
  mutable.Worker = class extends workers.Worker {
    constructor(file: string | URL, options: workers.WorkerOptions = {}) {
      super(file, { ...options, execArgv: ["--import", import.meta.url] });
    }
  };
  syncBuiltinESMExports();
}

/** Steps the wall clock, back with a negative number. */
export function stepClock(ms: number): void {
  Atomics.add(offset, 0, BigInt(ms));
}
