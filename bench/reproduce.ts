import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findBinaries } from "../src/lab/binaries.ts";
import { type BenchRow, median } from "./bench.ts";
import { byHandMs } from "./lab.ts";

const program = join(import.meta.dirname, "..", "bin", "blackstart.mjs");
const trials = 30;
const trialGoalMs = 200;
const minimizeGoalMs = 60_000;

/** A kill of the primary of three, a promotion, the other standby that follows, every acknowledged write looked for. */
const trialStory = `
scenario: bench-trial
factors: [{ id: kill, fault: kill-primary }]
afterwards: [{ promote: furthest, needs: [kill] }]
symptom: { lost-writes: true }
`;

/**
 * Writes are lost when nothing is synchronous, the standby has fallen behind, and the primary dies. In four of five trials: the
 * fifth time the sender is not halted. The other five factors play no part.
 */
const flakyStory = `
scenario: bench-minimize
cluster: { standbys: [synchronous] }
factors:
  - { id: work-mem, settings: { work_mem: 8MB } }
  - { id: no-sync, topology: { standbys: [asynchronous] } }
  - { id: checkpoint, sql: checkpoint }
  - { id: long-checkpoints, settings: { checkpoint_timeout: 1h } }
  - id: behind
    sql: |
      do $$ begin if random() < 0.8 then
        execute format('copy (select) to program ''kill -STOP %s''', (select pid from pg_stat_replication limit 1));
      end if; end $$
  - { id: vacuum, sql: vacuum }
  - { id: kill, fault: kill-primary, after: 50ms }
  - { id: no-hints, settings: { full_page_writes: "off" } }
afterwards: [{ promote: furthest, needs: [kill] }]
symptom: { lost-writes: true, within: 1s }
`;

/** How long one trial takes, and how long it takes to find what matters. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-bench-"));
  try {
    return [await oneTrial(folder), await minimized(folder)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function oneTrial(folder: string): Promise<BenchRow> {
  const story = join(folder, "trial.yaml");
  await writeFile(story, trialStory);
  const lines = await blackstart(folder, "run", story, "--trials", String(trials), "--control", "1");
  const begun = lines.flatMap(({ trial }) => (trial === undefined ? [] : [Date.parse(trial.at)]));
  const cycles = begun.slice(1).map((at, index) => at - (begun[index] ?? at));
  const took = lines.flatMap(({ trial }) =>
    trial !== undefined && trial.configuration.length > 0 ? [trial.tookMs] : [],
  );
  const middle = median(took);
  const { directory } = await findBinaries();
  const byHand = existsSync(join(directory, "pg_basebackup")) ? await byHandMs(directory) : undefined;
  return {
    name: "one streaming trial: cluster, clients, kill, promotion, every acknowledged write looked for",
    measured: `${middle.toFixed(0)} ms (median of ${took.length}, ${Math.min(...took)} to ${Math.max(...took)}); ${median(cycles).toFixed(0)} ms from one to the next, taken down`,
    against:
      byHand === undefined
        ? "initdb and pg_basebackup: not installed"
        : `the cluster alone, by initdb and pg_basebackup: ${byHand.toFixed(0)} ms`,
    ...(byHand === undefined ? {} : { ratio: byHand / middle }),
    goal: `median ≤ ${trialGoalMs} ms`,
    met: middle <= trialGoalMs,
  };
}

async function minimized(folder: string): Promise<BenchRow> {
  const story = join(folder, "flaky.yaml");
  await writeFile(story, flakyStory);
  const startedMs = performance.now();
  const lines = await blackstart(folder, "minimize", story, "--jobs", "2");
  const tookMs = performance.now() - startedMs;
  const result = lines.at(-1);
  const right = JSON.stringify(result?.minimal) === JSON.stringify(["no-sync", "behind", "kill"]);
  const every = 2 ** 8 * 10;
  return {
    name: "8 factors of which 3 matter, in 80 % of the trials, at ≤ 1 % error",
    measured: `${(tookMs / 1000).toFixed(1)} s, ${result?.trials} trials, ${right ? "the right three" : `wrong: ${result?.minimal}`}`,
    against: `ten trials of each of the 256 combinations: ${every} trials`,
    ratio: every / (result?.trials ?? every),
    goal: `≤ ${minimizeGoalMs / 1000} s`,
    met: right && tookMs <= minimizeGoalMs,
  };
}

type Line = {
  trial?: { configuration: string[]; tookMs: number; at: string };
  minimal?: string[];
  trials?: number;
  reproduced?: number;
};

/** `blackstart reproduce …`; what it said, line by line. */
export async function blackstart(home: string, ...words: string[]): Promise<readonly Line[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, "reproduce", ...words, "--json"], {
    env: { ...process.env, BLACKSTART_HOME: join(home, "home") },
    maxBuffer: 64 * 2 ** 20,
  });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}
