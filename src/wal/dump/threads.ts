import { Worker } from "node:worker_threads";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Emit, Joint, Scanned } from "./scan.ts";
import type { FromThread, Stretch, ThreadData, ToThread } from "./thread.ts";

/** How many stretches are read ahead of the one whose lines are being written, for each thread. */
const aheadPerThread = 2;

type Work = { worker: Worker; messages: FromThread[]; wake: (() => void) | undefined };

/** Threads that read stretches of log, each the next one that nobody has begun; given out in order. */
export class ScanThreads {
  readonly #stretches: readonly Stretch[];
  readonly #workers: readonly Worker[];
  readonly #works: Work[] = [];
  readonly #idle: Worker[] = [];
  readonly #current = new Map<Worker, Work>();
  #given = 0;

  constructor(data: ThreadData, stretches: readonly Stretch[], count: number) {
    this.#stretches = stretches;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), { workerData: data });
      worker.on("message", (message: FromThread) => this.#take(worker, message));
      worker.on("error", (error) => this.#take(worker, { kind: "failed", reason: messageOf(error) }));
      worker.on("exit", () => this.#take(worker, { kind: "failed", reason: "a thread ended" }));
      this.#idle.push(worker);
      return worker;
    });
    this.#hand();
  }

  /**
   * Emits the lines of a stretch, if it belongs behind those before it, and answers what was found.
   * @returns "elsewhere" when it does not, or could not be read
   */
  async scanned(index: number, belongs: (joint: Joint) => boolean, emit: Emit): Promise<Scanned | "elsewhere"> {
    const work = this.#works[index];
    // No thread is left that could begin it.
    if (work === undefined) return "elsewhere";
    let hasEmitted = false;
    for (;;) {
      const message = work.messages.shift();
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          work.wake = resolve;
        });
        continue;
      }
      switch (message.kind) {
        case "failed":
          // Read again, it may be told better; but nothing is said twice.
          if (!hasEmitted) return "elsewhere";
          throw new BlackstartError("NOT_POSSIBLE_NOW", {
            what: `The log could not be read to its end: ${message.reason}`,
            why: "It could be read when this began; what was printed up to here is right.",
            next: "Look at the disk and at who changes these files, then run it again.",
          });
        case "began":
          if (!belongs(message.joint)) return "elsewhere";
          break;
        case "lines": {
          const { memory, length } = message;
          hasEmitted = true;
          await emit(new Uint8Array(memory, 0, length));
          work.worker.postMessage({ memory } satisfies ToThread, [memory]);
          break;
        }
        case "done":
          this.#given = index + 1;
          this.#hand();
          return message.scanned;
        default: {
          const never: never = message;
          return never;
        }
      }
    }
  }

  /** Gives idle threads what is to be read next, as far ahead as lines may wait. */
  #hand(): void {
    const until = Math.min(this.#stretches.length, this.#given + aheadPerThread * this.#workers.length);
    while (this.#works.length < until && this.#idle.length > 0) {
      const worker = this.#idle.shift() as Worker;
      const work: Work = { worker, messages: [], wake: undefined };
      const stretch = this.#stretches[this.#works.length] as Stretch;
      this.#works.push(work);
      this.#current.set(worker, work);
      worker.postMessage({ stretch } satisfies ToThread);
    }
  }

  #take(worker: Worker, message: FromThread): void {
    const work = this.#current.get(worker);
    work?.messages.push(message);
    work?.wake?.();
    if (message.kind !== "done") return;
    this.#current.delete(worker);
    this.#idle.push(worker);
    this.#hand();
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
