import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSpares, type Spares } from "../../src/lab/spares.ts";
import { everyMajor } from "../support/postgres-versions.ts";
import { recipeNames } from "./from-zoo.ts";
import { scheduleOf } from "./schedule.ts";
import { type Result, trial } from "./trial.ts";

export type RunOptions = Readonly<{
  trials: number;
  seed: number;
  jobs: number;
  /** Where the clusters lie while they live. Default: the system's temporary folder. */
  folder?: string;
  /** Where the folders of those that failed stay. */
  keep: string;
  ended?(outcome: Outcome): void;
  /** Aborted: no other trial is begun; those that run come to their end and are taken down. */
  signal?: AbortSignal;
}>;

/** `broken`: the trial itself could not be carried out; it says nothing about the product. */
export type Outcome = Readonly<{ seed: number; folder?: string; result?: Result; broken?: string }>;

const debian = "/usr/lib/postgresql/15/bin";

/** The versions that there are servers of on this machine. */
export const majors = everyMajor.filter(({ skip }) => skip === false).map(({ major }) => major);

const choice = { majors, recipes: recipeNames };

/** Trial after trial, `jobs` at a time. The schedule of each follows from its own seed: the first one's, and so on. */
export async function nemesis(options: RunOptions): Promise<readonly Outcome[]> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), "blackstart-nemesis-"));
  const outcomes: Outcome[] = [];
  const spares = createSpares(folder);
  let next = 0;
  const job = async () => {
    while (next < options.trials && options.signal?.aborted !== true) {
      const outcome = await one(options.seed + next++, folder, spares, options.keep);
      outcomes.push(outcome);
      options.ended?.(outcome);
    }
  };
  try {
    chmodSync(folder, 0o755);
    await Promise.all(Array.from({ length: options.jobs }, job));
    return outcomes;
  } finally {
    await spares.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function one(seed: number, folder: string, spares: Spares, keep: string): Promise<Outcome> {
  const own = join(folder, `seed-${seed}`);
  const kept = join(keep, `seed-${seed}`);
  try {
    const result = await trial(scheduleOf(seed, choice), { folder: own, binaries: binariesOf, spares });
    if (result.verdict.failures.length === 0) return { seed, result };
    moveAside(own, kept);
    return { seed, result, folder: kept };
  } catch (error) {
    moveAside(own, kept);
    return { seed, broken: error instanceof Error ? (error.stack ?? error.message) : String(error), folder: kept };
  } finally {
    rmSync(own, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function binariesOf(major: number): string {
  return major === 15 ? debian : (everyMajor.find((one) => one.major === major)?.binaries ?? debian);
}

function moveAside(own: string, kept: string): void {
  mkdirSync(join(kept, ".."), { recursive: true });
  rmSync(kept, { recursive: true, force: true });
  cpSync(own, kept, { recursive: true });
}
