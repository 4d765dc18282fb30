import type { Configuration } from "../scenario/configuration.ts";
import type { TrialLog } from "./log.ts";
import type { TrialResult } from "./result.ts";

/** Carries out one trial. Throws only when it is aborted, or for what no trial can be made with at all. */
export type RunTrial = (configuration: Configuration, signal: AbortSignal) => Promise<Omit<TrialResult, "sequence">>;

/** How many more trials are needed, at least, by what is known at this moment. */
export type Needed = () => number;

export type SeriesOptions = Readonly<{
  log: TrialLog;
  run: RunTrial;
  /** So many at once, at most. */
  jobs: number;
  /** So many more are certain to be asked for: none is begun beyond that. Default: any number. */
  needed?: Needed | undefined;
  signal: AbortSignal;
  /** Told of each new one, as soon as it is on disk. */
  onTrial?: (result: TrialResult) => void;
}>;

/**
 * The trials of one configuration, without end: those that are known, then new ones, `jobs` at a time. They come in the order
 * in which they were begun, not in that in which they end: what shows a symptom may take longer than what does not, and
 * whoever stops after the first few would see the fast ones only. One that is missing, because somebody was killed
 * meanwhile, is made again in its place.
 *
 * Who has seen enough leaves the loop; what is under way then is finished and kept, for it was paid for.
 */
export async function* series(configuration: Configuration, options: SeriesOptions): AsyncGenerator<TrialResult> {
  const { log, jobs, needed = () => jobs } = options;
  const underWay = new Map<number, Promise<TrialResult>>();
  const begin = (sequence: number) => {
    const trial = one(configuration, sequence, options);
    // It may end while nobody waits for it: that must not be taken for a failure that nobody looks at.
    trial.catch(() => undefined);
    underWay.set(sequence, trial);
  };
  try {
    for (let sequence = 0; ; sequence++) {
      const known = underWay.has(sequence) ? undefined : log.at(configuration, sequence);
      if (known !== undefined) {
        yield known;
        continue;
      }
      const atOnce = Math.max(1, Math.min(jobs, needed()));
      for (let ahead = sequence; ahead < sequence + atOnce; ahead++)
        if (!underWay.has(ahead) && log.at(configuration, ahead) === undefined) begin(ahead);
      const trial = await (underWay.get(sequence) as Promise<TrialResult>);
      underWay.delete(sequence);
      yield trial;
    }
  } finally {
    // Each takes its cluster down before it ends, also when it is aborted.
    await Promise.allSettled(underWay.values());
  }
}

async function one(
  configuration: Configuration,
  sequence: number,
  { log, run, signal, onTrial }: SeriesOptions,
): Promise<TrialResult> {
  signal.throwIfAborted();
  const result = { ...(await run(configuration, signal)), sequence };
  await log.add(result);
  onTrial?.(result);
  return result;
}
