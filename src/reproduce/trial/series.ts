import type { Configuration } from "../scenario/configuration.ts";
import type { TrialLog } from "./log.ts";
import type { TrialResult } from "./result.ts";

/** Carries out one trial. Throws only when it is aborted, or for what no trial can be made with at all. */
export type RunTrial = (configuration: Configuration, signal: AbortSignal) => Promise<TrialResult>;

export type SeriesOptions = Readonly<{
  log: TrialLog;
  run: RunTrial;
  /** So many at once. */
  jobs: number;
  signal: AbortSignal;
  /** Told of each new one, as soon as it is on disk. */
  onTrial?: (result: TrialResult) => void;
}>;

/**
 * The trials of one configuration, without end: those that are known, then new ones, `jobs` at a time. Who has seen enough
 * leaves the loop; what is under way then is finished and kept, for it was paid for.
 */
export async function* series(configuration: Configuration, options: SeriesOptions): AsyncGenerator<TrialResult> {
  yield* options.log.of(configuration);
  const underWay = new Set<Promise<TrialResult>>();
  // An answer may come in while nobody waits for it: it must not be taken for a failure that nobody looks at.
  const begin = () => {
    const trial = one(configuration, options).finally(() => underWay.delete(trial));
    trial.catch(() => undefined);
    underWay.add(trial);
  };
  try {
    for (;;) {
      while (underWay.size < options.jobs) begin();
      yield await Promise.race(underWay);
    }
  } finally {
    await Promise.all(underWay);
  }
}

async function one(configuration: Configuration, { log, run, signal, onTrial }: SeriesOptions): Promise<TrialResult> {
  signal.throwIfAborted();
  const result = await run(configuration, signal);
  await log.add(result);
  onTrial?.(result);
  return result;
}
