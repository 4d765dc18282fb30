// Runs the tests under Node 24: all of test/**/*.test.ts, or the files and folders that are named. Those that take long
// (*.long.test.ts) run only by name, or with --long, which runs them alone; --name runs only the tests of such a name (a
// pattern). Ends with one plain line, `N passed, N failed, N skipped`, the reasons of those that were skipped, and the
// known faults (`todo`). Fails when a test fails, when none ran, and when a test leaves a process behind.
import { chmodSync, globSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { endLeftProcesses, leftFiles } from "./testing/leftovers.ts";
import { providePackages } from "./testing/packages.ts";
import { providePostgresVersions } from "./testing/postgres-versions.mjs";

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { long: { type: "boolean" }, name: { type: "string" } },
});
const isLong = values.long === true;
// Labs are mostly waiting; more than a few at once and their heartbeats starve.
const concurrency = Math.max(2, Math.min(4, availableParallelism()));

/** They begin first: whatever takes a minute or more would otherwise run alone at the end. */
const slowFirst = [
  "reproduce/shipped-",
  "lab/pacemaker",
  "lab/patroni",
  "zoo/",
  "nemesis/",
  "reproduce/explore/live",
  "mitigate/crash",
];

const files = filesOf(names);
if (files.length === 0) {
  process.stderr.write(`error: no test file fits ${names.join(" ")}.\n`);
  process.exit(2);
}
const fileTimeoutMs = files.some((file) => file.endsWith(".long.test.ts")) ? 2_400_000 : 300_000;
process.exitCode = await runAll();

async function runAll() {
  providePackages();
  providePostgresVersions();
  const folder = makeFolder();
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => abort.abort());
  try {
    const totals = await runFiles(abort.signal);
    const left = await endLeftProcesses(folder);
    report(totals, left, leftFiles(folder), abort.signal.aborted);
    return totals.failed > 0 || totals.passed === 0 || left.length > 0 || abort.signal.aborted ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Everything that a test makes lands below one folder, and every process it starts is known by it. */
function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), "blackstart-test-"));
  chmodSync(folder, 0o755); // PostgreSQL refuses root, and must reach its data directory as somebody else.
  process.env.TMPDIR = folder;
  process.env.BLACKSTART_HOME = join(folder, "home");
  process.env.BLACKSTART_TEST_RUN = folder;
  // Each file is a process of its own, and loads much the same sources.
  process.env.NODE_COMPILE_CACHE = join(folder, "node-compile-cache");
  return folder;
}

async function runFiles(signal) {
  const totals = { passed: 0, failed: 0, reasons: [], known: [] };
  const execArgv = ["--disable-warning=ExperimentalWarning"];
  const stream = run({
    files,
    concurrency,
    timeout: fileTimeoutMs,
    signal,
    execArgv,
    ...(values.name === undefined ? {} : { testNamePatterns: [values.name] }),
  });
  stream.on("test:summary", ({ counts, file }) => {
    if (file !== undefined) return; // The one without a file sums up the others.
    totals.passed = counts.passed;
    totals.failed = counts.failed + counts.cancelled;
  });
  stream.on("test:pass", ({ name, skip, file }) => {
    if (skip !== undefined)
      totals.reasons.push(`${name}: ${typeof skip === "string" ? skip : `no reason given, ${file}`}`);
  });
  for (const outcome of ["test:pass", "test:fail"])
    stream.on(outcome, ({ name, todo }) => {
      if (todo !== undefined) totals.known.push(`${name}: ${outcome === "test:pass" ? "PASSES NOW, " : ""}${todo}`);
    });
  const shown = stream.compose(spec);
  shown.pipe(process.stdout);
  await finished(shown, { writable: false });
  return totals;
}

function report(totals, leftProcesses, files, wasInterrupted) {
  // A group that is skipped as a whole counts as one, as it is listed.
  const lines = ["", `${totals.passed} passed, ${totals.failed} failed, ${totals.reasons.length} skipped`];
  for (const reason of totals.reasons) lines.push(`  skipped: ${reason}`);
  for (const fault of totals.known) lines.push(`  known fault: ${fault}`);
  if (wasInterrupted) lines.push("INTERRUPTED: not all tests ran.");
  else if (totals.passed + totals.failed === 0) lines.push("NO TEST RAN.");
  for (const left of leftProcesses) lines.push(`LEFT BEHIND, now ended: process ${left.pid}, ${left.command}`);
  if (files.length > 0) lines.push(`Left behind, now removed: ${files.join(" ")}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

function filesOf(names) {
  const found = (names.length === 0 ? ["test"] : names).flatMap((name) =>
    statSync(name, { throwIfNoEntry: false })?.isDirectory() ? filesBelow(name) : globSync(name),
  );
  const isSlow = (file) => slowFirst.some((start) => file.startsWith(`test/${start}`));
  return [...new Set(found)].toSorted((a, b) => Number(isSlow(b)) - Number(isSlow(a)) || (a < b ? -1 : 1));
}

function filesBelow(folder) {
  return globSync(`${folder}/**/*.test.ts`).filter((file) => file.endsWith(".long.test.ts") === isLong);
}
