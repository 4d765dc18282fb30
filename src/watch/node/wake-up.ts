/** A sleep that can be ended from outside. */
export interface WakeUp {
  /** Ends after `ms`, or as soon as somebody calls `now`; at once, if somebody has and nobody asked `wasPoked` since. */
  sleep(ms: number): Promise<void>;
  now(): void;
  /** Whether `now` was called since this was last asked. */
  wasPoked(): boolean;
}

export function createWakeUp(stopped: AbortSignal): WakeUp {
  let poked = false;
  let wake: (() => void) | undefined;
  const now = () => {
    poked = true;
    wake?.();
  };
  stopped.addEventListener("abort", now, { once: true });
  return {
    now,
    wasPoked() {
      const was = poked;
      poked = false;
      return was;
    },
    async sleep(ms) {
      if (poked || stopped.aborted || ms <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = undefined;
    },
  };
}
