import type { Clock } from "../../base/time.ts";
import type { Probe } from "../../drivers/service/probe.ts";

export type SilenceOptions = Readonly<{ timeoutMs: number; reach: Probe; clock: Clock; stopped: AbortSignal }>;

export type Silent = Readonly<{ kind: "silent"; reachable: boolean; forMs: number }>;

/**
 * Waits for an answer for at most one heartbeat time-out. Half-way through, a second socket asks whether the machine
 * still takes connections at all, so that at the end both are known.
 *
 * A verdict must not come from our own stall (a suspended laptop, a long garbage collection): when the timer itself was
 * late, the answer may lie unread in the socket, and it gets a little longer, three times at most.
 */
export async function answerOrSilence<T>(
  answer: Promise<T>,
  options: SilenceOptions,
): Promise<Readonly<{ kind: "answer"; value: T }> | Silent> {
  const startedMs = options.clock.monotonicMs();
  const silence = startSilence(options);
  try {
    return await Promise.race([
      answer.then((value) => ({ kind: "answer", value }) as const),
      silence.reached.then((reachable) => {
        return { kind: "silent", reachable, forMs: Math.round(options.clock.monotonicMs() - startedMs) } as const;
      }),
    ]);
  } finally {
    silence.cancel();
  }
}

/** `reached` resolves when the time is over, or the watch is being closed, with whether the machine takes connections. */
function startSilence({ timeoutMs, reach, clock, stopped }: SilenceOptions) {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let reachable = false;
  let timer: NodeJS.Timeout;
  const startedMs = clock.monotonicMs();
  const decideAfter = (ms: number, extensions: number) => {
    const dueMs = clock.monotonicMs() + ms;
    timer = setTimeout(() => {
      const wasStalled = clock.monotonicMs() - dueMs > timeoutMs * 0.1;
      if (wasStalled && extensions > 0) decideAfter(timeoutMs * 0.3, extensions - 1);
      // One turn of the event loop, so that what has arrived is read first.
      else setImmediate(() => resolve(reachable));
    }, ms);
  };
  timer = setTimeout(() => {
    void reach(timeoutMs * 0.45).then((result) => {
      reachable = result.outcome === "good";
    });
    // After a stall of ours in the first half, the second half still counts in full.
    decideAfter(Math.max(startedMs + timeoutMs - clock.monotonicMs(), timeoutMs * 0.4), 3);
  }, timeoutMs * 0.5);
  const giveUp = () => resolve(false);
  stopped.addEventListener("abort", giveUp, { once: true });
  return {
    reached: promise,
    cancel() {
      clearTimeout(timer);
      stopped.removeEventListener("abort", giveUp);
    },
  };
}
