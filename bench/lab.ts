import { withConnection } from "../src/drivers/postgres/connection.ts";
import { createLab } from "../src/lab/create.ts";
import { type BenchRow, median } from "./bench.ts";

const trials = 20;
const goalMs = 300;

/** A fresh cluster of three from the template, until the first synchronous commit is through. With fsync, as users have it. */
export async function run(): Promise<BenchRow[]> {
  // The template is made once for each PostgreSQL and is no part of the figure.
  await freshClusterMs();
  const measured: number[] = [];
  for (let trial = 0; trial < trials; trial++) measured.push(await freshClusterMs());
  const middle = median(measured);
  return [
    {
      name: "fresh 3-node cluster, first synchronous commit",
      measured: `${middle.toFixed(0)} ms (median of ${trials}, ${Math.min(...measured).toFixed(0)} to ${Math.max(...measured).toFixed(0)})`,
      against: "",
      goal: `≤ ${goalMs} ms`,
      met: middle <= goalMs,
    },
  ];
}

async function freshClusterMs(): Promise<number> {
  const start = performance.now();
  const lab = await createLab();
  try {
    const primary = lab.node("pg1");
    await withConnection(primary.url, {}, (connection) => connection.query("create table first_write as select 1"));
    return performance.now() - start;
  } finally {
    await lab.down();
  }
}
