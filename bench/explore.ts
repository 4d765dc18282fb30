import { type CrmSimulate, openCrmSimulate } from "../src/drivers/pacemaker/crm-simulate.ts";
import type { ClusterStatus } from "../src/drivers/pacemaker/cluster-status.ts";
import { explore } from "../src/reproduce/explore/explore.ts";
import { search } from "../src/reproduce/explore/search.ts";
import { createSettler } from "../src/reproduce/explore/settle.ts";
import { startOf } from "../src/reproduce/explore/start.ts";
import { outageOf2017 } from "../test/reproduce/explore/cibs.ts";
import { type BenchRow, median } from "./bench.ts";

const faultsMax = 3;
const rounds = 5;
/** States asked one process each, in every round: enough to tell the rates apart. */
const plainStates = 40;

/**
 * The states of the search, on the cluster of 2017, three nodes and three faults: many a process, against what one would
 * write oneself, a `crm_simulate -S` for each, two at a time as well. Both are asked in turn, in rounds that follow each
 * other, and the answers are the same (a test holds it to that).
 */
export async function run(): Promise<BenchRow[]> {
  const crm = await openCrmSimulate({});
  try {
    const text = outageOf2017({ direction: "D2", score: "-INFINITY", stickiness: 100 });
    const startedAt = performance.now();
    const report = await explore({
      crm,
      text,
      name: "cib.xml",
      faultsMax,
      statesMax: 100_000,
      progress: () => undefined,
    });
    const wholeS = (performance.now() - startedAt) / 1000;
    const rates = await ratesOf(crm, text);
    const ratio = median(rates.map(({ batch, plain }) => batch / plain));
    return [
      {
        name: `explore: ${report.nodes.length} nodes, ${faultsMax} faults: search, proof and repair`,
        measured: `${wholeS.toFixed(1)} s (the search alone ${report.seconds.toFixed(1)} s for ${report.states} states, the scheduler asked ${report.asked} times)`,
        against: "120 s",
        ratio: wholeS / 120,
        goal: "≤ 120 s on 2 cores",
        met: wholeS <= 120 && report.complete,
      },
      {
        name: "explore: states a second asked of the scheduler",
        measured: `${Math.round(median(rates.map(({ batch }) => batch)))}/s`,
        against: `a crm_simulate process a state, two at a time: ${Math.round(median(rates.map(({ plain }) => plain)))}/s`,
        ratio,
        goal: "≥ 5 ×",
        met: ratio >= 5,
      },
    ];
  } finally {
    await crm.close();
  }
}

async function ratesOf(crm: CrmSimulate, text: string): Promise<readonly { batch: number; plain: number }[]> {
  const { cib, now } = await crm.read(text, "cib.xml");
  const { model, state } = startOf(cib, now);
  const states: ClusterStatus[] = [];
  const settler = createSettler(model, (of, asked) => {
    states.push(...asked);
    return crm.decide(of, asked);
  });
  await search({ settler, initial: state, faultsMax, statesMax: 100_000 });
  const rates: { batch: number; plain: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample = states.slice(round * plainStates, (round + 1) * plainStates);
    const batch = await rate(states.length, () => crm.decide(cib, states));
    const plain = await rate(sample.length, () => twoAtATime(sample, (each) => crm.transition(cib, each)));
    rates.push({ batch, plain });
  }
  return rates;
}

async function rate(count: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return count / ((performance.now() - startedAt) / 1000);
}

async function twoAtATime<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all([worker(), worker()]);
}
