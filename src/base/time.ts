/** A moment in UTC with milliseconds, as `2026-11-20T03:07:12.345Z`. Sorts as text. */
export type Instant = string;

/** Time is injected, so that every decision that depends on it can be tested by a table. */
export interface Clock {
  /** The wall clock; for people and for the timeline. */
  now(): Instant;
  /** Milliseconds that never run backwards; for durations on one machine. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date().toISOString(),
  monotonicMs: () => performance.now(),
};

/** Milliseconds from `from` to `to`; negative when `to` is earlier. */
export function millisecondsBetween(from: Instant, to: Instant): number {
  return Date.parse(to) - Date.parse(from);
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Asks again and again until the answer is there. Every wait in the product goes through here, so each has a limit.
 * @param ask answers `undefined` while the state is not reached; what it throws ends the wait
 * @param options.everyMs pause between two questions, in milliseconds
 * @param options.timeoutMs after this long the wait gives up and answers `undefined`
 */
export async function pollUntil<T>(
  ask: () => Promise<T | undefined>,
  options: { everyMs: number; timeoutMs: number; signal?: AbortSignal },
): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() + options.everyMs > deadline) return undefined;
    await delay(options.everyMs, options.signal);
  }
}
