import type { Event } from "../timeline.ts";
import type { Reader } from "./reader.ts";

const eventsPerRead = 500;

/**
 * Wakes the subscribers when there may be something new: at once after an append of this process, and after a poll of
 * the file for the others. The poll runs only while somebody is subscribed, and costs some microseconds.
 */
export class Subscriptions {
  readonly #reader: Reader;
  readonly #pollMs: number;
  readonly #sleepers = new Set<() => void>();
  #subscribers = 0;
  #timer: NodeJS.Timeout | undefined;
  #dataVersion = 0;
  readonly #closed = new AbortController();

  constructor(reader: Reader, pollMs: number) {
    this.#reader = reader;
    this.#pollMs = pollMs;
  }

  wake(): void {
    for (const wakeUp of [...this.#sleepers]) wakeUp();
  }

  close(): void {
    this.#closed.abort();
  }

  async *follow(after: number, callerSignal: AbortSignal): AsyncGenerator<Event> {
    const signal = AbortSignal.any([callerSignal, this.#closed.signal]);
    try {
      this.#arrive();
      let cursor = after;
      while (!signal.aborted) {
        const events = this.#reader.events({ after: cursor }, eventsPerRead);
        for (const event of events) {
          if (signal.aborted) return;
          cursor = event.position;
          yield event;
        }
        // Between the empty read and this line nothing else runs, so no wake is missed.
        if (events.length === 0) await this.#sleep(signal);
      }
    } finally {
      this.#leave();
    }
  }

  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wakeUp = () => {
        this.#sleepers.delete(wakeUp);
        signal.removeEventListener("abort", wakeUp);
        resolve();
      };
      this.#sleepers.add(wakeUp);
      signal.addEventListener("abort", wakeUp, { once: true });
      if (signal.aborted) wakeUp();
    });
  }

  #arrive(): void {
    this.#subscribers += 1;
    if (this.#timer !== undefined) return;
    this.#dataVersion = this.#reader.dataVersion();
    this.#timer = setInterval(() => this.#poll(), this.#pollMs);
  }

  #leave(): void {
    this.#subscribers -= 1;
    if (this.#subscribers > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #poll(): void {
    try {
      const version = this.#reader.dataVersion();
      if (version === this.#dataVersion) return;
      this.#dataVersion = version;
    } catch {
      // Thrown here it would end the process. Each subscriber reads for itself, and meets the failure there.
    }
    this.wake();
  }
}
