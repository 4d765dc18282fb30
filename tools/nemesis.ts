// Random faults on random clusters, with `blackstart up` on them:
//   npm run nemesis -- --trials 100 --seed 1 [--jobs 2] [--keep FOLDER]
// Prints what came of it; fails when something was lost, or found no rest. `--trials 1 --seed S` does the same again.
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nemesis } from "../test/nemesis/run.ts";
import { failureLines, report } from "../test/nemesis/report.ts";

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
    jobs: { type: "string", default: "2" },
    keep: { type: "string" },
  },
});
const [trials, seed, jobs] = [values.trials, values.seed, values.jobs].map(Number) as [number, number, number];
if ([trials, seed, jobs].some((number) => !Number.isInteger(number) || number < 0)) {
  process.stderr.write("error: --trials, --seed and --jobs are whole numbers.\n");
  process.exit(2);
}
const keep = values.keep ?? mkdtempSync(join(tmpdir(), "blackstart-nemesis-kept-"));
process.stdout.write(`${trials} trials from seed ${seed}, ${jobs} at a time\n`);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (!stop.signal.aborted) process.stderr.write("No other trial is begun; those that run are ended in order.\n");
    stop.abort();
  });
let ended = 0;
const outcomes = await nemesis({
  trials,
  seed,
  jobs,
  keep,
  signal: stop.signal,
  // In memory, where that is possible: half of a trial are the files of its cluster.
  ...(existsSync("/dev/shm") ? { folder: "/dev/shm" } : {}),
  ended: (outcome) => {
    ended += 1;
    if (ended % 25 === 0) process.stderr.write(`${ended} trials have ended\n`);
    const log = trials === 1 ? (outcome.result?.log ?? []) : [];
    for (const line of [...log, ...failureLines(outcome)]) process.stdout.write(`${line}\n`);
  },
});
process.stdout.write(`${report(outcomes).join("\n")}\n`);
process.exit(outcomes.every(({ result }) => result?.verdict.failures.length === 0) ? 0 : 1);
