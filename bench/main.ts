/**
 * `npm run bench -- [NAME…]`: each figure beside what a user would pick instead, both measured in this run. The machine
 * is part of the figure: read the ratio, not the milliseconds.
 */
import { cpus, totalmem } from "node:os";
import { messageOf } from "../src/base/error.ts";
import type { BenchRow } from "./bench.ts";

const benches: Readonly<Record<string, () => Promise<readonly BenchRow[]>>> = {
  append: async () => (await import("./append.ts")).run(),
  lab: async () => (await import("./lab.ts")).run(),
  notice: async () => (await import("./notice.ts")).run(),
  failover: async () => (await import("./failover.ts")).run(),
  reproduce: async () => (await import("./reproduce.ts")).run(),
  idle: async () => (await import("./idle.ts")).run(),
  wal: async () => (await import("./wal.ts")).run(),
  explore: async () => (await import("./explore.ts")).run(),
  pacemaker: async () => (await import("./pacemaker.ts")).run(),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(`No bench is called ${unknown.join(", ")}. There are: ${Object.keys(benches).join(", ")}.\n`);
  process.exit(2);
}

process.stdout.write(
  `${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n\n`,
);
let failures = 0;
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  process.stderr.write(`measuring ${name} …\n`);
  try {
    for (const row of await (benches[name] as () => Promise<readonly BenchRow[]>)()) print(row);
  } catch (error) {
    failures += 1;
    process.stdout.write(`✗ ${name} could not be measured: ${messageOf(error)}\n\n`);
  }
}
process.exit(failures > 0 ? 1 : 0);

function print(row: BenchRow): void {
  const ratio = row.ratio === undefined ? "" : `  (${row.ratio.toFixed(row.ratio < 10 ? 2 : 0)} ×)`;
  process.stdout.write(
    `${row.met ? "✓" : "✗"} ${row.name}\n    measured  ${row.measured}${ratio}\n    against   ${row.against}\n    goal      ${row.goal}\n\n`,
  );
}
