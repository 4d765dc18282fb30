import { Worker } from "node:worker_threads";
import { BlackstartError } from "../../base/error.ts";
import { storeUnusable } from "./errors.ts";
import type { BatchReply, Operation, Outcome } from "./protocol.ts";
import type { WriterData } from "./writer.ts";

/** More operations than this waiting at once means that somebody does not wait for their appends, or the disk hangs. */
const waitingMax = 20_000;

/**
 * A longer message is sent in parts: while the thread writes one to the disk, this thread answers those who wait for the
 * one before. Few enough for both to be at work, enough to share the cost of an fsync.
 */
const operationsPerMessage = 32;

type Waiting = Readonly<{ resolve: (outcome: Outcome) => void; reject: (error: unknown) => void }>;

/** This thread's end of the writer. The thread starts with the first operation. */
export class WriterClient {
  readonly #data: WriterData;
  readonly #answerTimeoutMs: number;
  #worker: Worker | undefined;
  /** Asked for in this turn of the event loop; goes out as one message. */
  #next: { operations: Operation[]; waiting: Waiting[] } | undefined;
  /** Sent, not yet answered; answers come in the order of the questions. */
  readonly #sent: (readonly Waiting[])[] = [];
  #waitingCount = 0;
  #failure: BlackstartError | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(data: WriterData, answerTimeoutMs: number) {
    this.#data = data;
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  /** Resolves when the operation's transaction is on disk. */
  ask(operation: Operation): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      if (this.#waitingCount >= waitingMax) return reject(this.#tooMany());
      if (this.#next === undefined) {
        this.#next = { operations: [], waiting: [] };
        // By then every writer that one answer has woken has asked again; who comes alone does not wait for the loop.
        if (this.#waitingCount === 0) queueMicrotask(() => this.#send());
        else setImmediate(() => this.#send());
      }
      this.#waitingCount += 1;
      this.#next.operations.push(operation);
      this.#next.waiting.push({ resolve, reject });
      if (this.#next.operations.length >= operationsPerMessage) this.#send();
    });
  }

  /** Starts the thread, so that the first append does not pay for it. */
  start(): void {
    if (this.#worker !== undefined || this.#failure !== undefined) return;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./writer.${extension}`, import.meta.url), { workerData: this.#data });
    // It holds up the process only while somebody waits for an answer.
    worker.unref();
    worker.on("message", (reply: BatchReply | "ready") => {
      if (reply !== "ready") this.#receive(reply);
    });
    worker.on("error", (error) => this.#fail(storeUnusable(this.#data.file, "The timeline's writer failed", error)));
    worker.on("exit", () => this.#fail(this.#closed()));
    this.#worker = worker;
  }

  /** Waits for what was asked, then ends the thread. */
  async close(): Promise<void> {
    this.#send();
    const worker = this.#worker;
    this.#failure ??= this.#closed();
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    worker.ref();
    worker.postMessage("close");
    await ended;
  }

  #send(): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return;
    this.start();
    if (this.#sent.length === 0) this.#worker?.ref();
    this.#sent.push(next.waiting);
    this.#worker?.postMessage(next.operations);
    this.#watch();
  }

  #receive(reply: BatchReply): void {
    const waiting = this.#sent.shift() ?? [];
    this.#waitingCount -= waiting.length;
    if (this.#sent.length === 0) this.#worker?.unref();
    this.#watch();
    if (reply.kind === "done") {
      for (const [index, one] of waiting.entries()) one.resolve(reply.outcomes[index] as Outcome);
      return;
    }
    const cause = Object.assign(new Error(reply.message), { errcode: reply.errcode });
    const error = storeUnusable(this.#data.file, "The timeline could not be written", cause);
    if (reply.fatal) this.#failure ??= error;
    for (const one of waiting) one.reject(error);
  }

  /** A disk that hangs must not hang everybody who waits for it. */
  #watch(): void {
    if (this.#sent.length === 0) {
      clearTimeout(this.#watchdog);
      this.#watchdog = undefined;
    } else if (this.#watchdog === undefined) {
      this.#watchdog = setTimeout(() => this.#fail(this.#hung()), this.#answerTimeoutMs).unref();
    } else {
      this.#watchdog.refresh();
    }
  }

  #fail(error: BlackstartError): void {
    this.#failure ??= error;
    clearTimeout(this.#watchdog);
    const waiting = [...this.#sent.splice(0).flat(), ...(this.#next?.waiting ?? [])];
    this.#next = undefined;
    this.#waitingCount = 0;
    for (const one of waiting) one.reject(error);
  }

  #tooMany(): BlackstartError {
    return new BlackstartError("STORE_UNUSABLE", {
      what: `The timeline cannot keep up: ${this.#data.file}`,
      why: `${waitingMax} operations already wait for the disk.`,
      next: "Look at the disk's latency. Nothing of this append was written.",
    });
  }

  #hung(): BlackstartError {
    return new BlackstartError("STORE_UNUSABLE", {
      what: `The timeline's disk does not answer: ${this.#data.file}`,
      why: `A write has waited for ${this.#answerTimeoutMs} ms. Whether it was written is not known.`,
      next: "Look at the disk, then start Blackstart again: it reads what was really written.",
    });
  }

  #closed(): BlackstartError {
    return new BlackstartError("STORE_UNUSABLE", {
      what: `The timeline is closed: ${this.#data.file}`,
      why: "It was closed while, or before, this was asked of it.",
      next: "Open it again.",
    });
  }
}
