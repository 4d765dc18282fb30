import type { BenchRow } from "./bench.ts";
import { median, quantile } from "./bench.ts";
import { failoverTrial, type Trial, trialLab } from "./failover-trial.ts";
import { patroniFailover } from "./patroni.ts";

/** Patroni takes some 20 s a trial: a few suffice beside a ratio of a hundred. */
const patroniTrials = 3;
const medianGoalMs = 250;
const quantileGoalMs = 500;
const ratioGoal = 40;

/** SIGKILL of the whole primary → a client's write is accepted, with all that `blackstart up` composes. */
export async function run(trials = 200): Promise<BenchRow[]> {
  const results = await manyTrials(trials);
  const times = results.map((trial) => trial.downtimeMs);
  const [middle, slow] = [median(times), quantile(times, 0.95)];
  const lost = results.reduce((sum, trial) => sum + trial.lost, 0);
  const acknowledged = results.reduce((sum, trial) => sum + trial.acknowledged, 0);
  const patroni = await patroniFailover(patroniTrials);
  const against = patroni.kind === "measured" ? median(patroni.downtimesMs) : undefined;
  return [
    {
      name: "failover: kill of the whole primary → a client's write accepted",
      measured: `median ${middle.toFixed(0)} ms, p95 ${slow.toFixed(0)} ms, of ${trials} trials`,
      against:
        against === undefined
          ? `Patroni: ${patroni.kind === "absent" ? patroni.why : ""}`
          : `Patroni 20/1/3, median ${(against / 1000).toFixed(1)} s of ${patroniTrials} trials`,
      ...(against === undefined ? {} : { ratio: against / middle }),
      goal: `median ≤ ${medianGoalMs} ms, p95 ≤ ${quantileGoalMs} ms, ≥ ${ratioGoal} × faster than Patroni`,
      met: middle <= medianGoalMs && slow <= quantileGoalMs && (against === undefined || against / middle >= ratioGoal),
    },
    {
      name: "failover: acknowledged writes lost",
      measured: `${lost} of ${acknowledged}`,
      against: `${trials} trials, one synchronous standby`,
      goal: "0",
      met: lost === 0,
    },
  ];
}

/** The next lab is made while this one runs; a slow trial would otherwise be mostly waiting. */
async function manyTrials(count: number): Promise<readonly Trial[]> {
  const results: Trial[] = [];
  let next = trialLab();
  for (let done = 0; done < count; done++) {
    const lab = await next;
    if (done + 1 < count) next = trialLab();
    // Making a lab loads both processors: its load must not be measured as downtime.
    if (done + 1 < count) await next.catch(() => undefined /* told when its turn comes */);
    try {
      results.push(await failoverTrial(lab));
    } finally {
      await lab.down();
    }
  }
  return results;
}
