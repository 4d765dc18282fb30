import type { Configuration } from "../scenario/configuration.ts";
import type { SequentialTest } from "../statistics/sequential.ts";
import { evidence, trialsToVerdict, verdict } from "../statistics/sequential.ts";
import type { Needed } from "../trial/series.ts";
import { configurationKey, type TrialResult } from "../trial/result.ts";

/**
 * What is known of a configuration. `unresolved`: no trial of it could be carried out; it is then taken as
 * uninteresting, and said. `exhausted`: the trials allowed did not suffice, and the likelier answer was taken.
 */
export type Decision = Readonly<{
  configuration: Configuration;
  interesting: boolean;
  how: "evidence" | "unresolved" | "exhausted" | "ruled-out";
  trials: number;
  reproduced: number;
}>;

/** Says of a configuration whether it shows the symptom. Asked twice, it answers the same at once. */
export interface Oracle {
  decide(configuration: Configuration): Promise<Decision>;
  /**
   * Tries what was only ruled out, the largest of these sets first: what more factors do not show, fewer do not either.
   * Where one shows the symptom, what rules out is not asked again and what it said is forgotten: then the answer is
   * `false`, and everything that was concluded from it is void.
   */
  confirm(): Promise<boolean>;
  readonly decisions: readonly Decision[];
}

export type OracleOptions = Readonly<{
  test: SequentialTest;
  /** The trials of a configuration, without end. */
  trials(configuration: Configuration, needed: Needed): AsyncIterable<TrialResult>;
  /** Two sets of factors that mean the same are asked for as one. */
  normalize(configuration: Configuration): Configuration;
  /** What can be told without a trial: `false` when it cannot show the symptom. A model is believed only in that, see `confirm`. */
  mayShow?(configuration: Configuration): Promise<boolean>;
  trialsMax: number;
  /** Throws when there is to be no further decision; see `BudgetSpent`. */
  spend(): void;
  onDecision?(decision: Decision): void;
}>;

/** Thrown to end a search whose time or number of decisions is spent. */
export class BudgetSpent extends Error {}

const unresolvedMax = 3;

export function createOracle(options: OracleOptions): Oracle {
  const known = new Map<string, Decision>();
  let { mayShow } = options;
  const decided = (decision: Decision): Decision => {
    known.set(configurationKey(decision.configuration), decision);
    options.onDecision?.(decision);
    return decision;
  };
  const isTried = ({ configuration }: Decision) =>
    [...known.values()].some(
      ({ how, interesting, configuration: other }) =>
        how === "evidence" && !interesting && configuration.every((factor) => other.includes(factor)),
    );
  return {
    get decisions() {
      return [...known.values()];
    },
    async decide(wanted) {
      const configuration = options.normalize(wanted);
      const before = known.get(configurationKey(configuration));
      if (before !== undefined) return before;
      if ((await mayShow?.(configuration)) === false)
        return decided({ configuration, interesting: false, how: "ruled-out", trials: 0, reproduced: 0 });
      options.spend();
      return decided(await decideByTrials(configuration, options));
    },
    async confirm() {
      const ruledOut = [...known.values()].filter(({ how }) => how === "ruled-out");
      for (const each of ruledOut.toSorted((a, b) => b.configuration.length - a.configuration.length)) {
        if (isTried(each)) continue;
        options.spend();
        const { interesting } = decided(await decideByTrials(each.configuration, options));
        if (!interesting) continue;
        mayShow = undefined;
        for (const [key, { how }] of known) if (how === "ruled-out") known.delete(key);
        return false;
      }
      return true;
    },
  };
}

async function decideByTrials(configuration: Configuration, options: OracleOptions): Promise<Decision> {
  let reproduced = 0;
  let trials = 0;
  let unresolved = 0;
  const answer = (interesting: boolean, how: Decision["how"]): Decision => ({
    configuration,
    interesting,
    how,
    trials,
    reproduced,
  });
  const needed = () =>
    Math.min(trialsToVerdict(options.test, reproduced, trials - reproduced), options.trialsMax - trials - unresolved);
  for await (const { outcome } of options.trials(configuration, needed)) {
    if (outcome === "unresolved") {
      if (++unresolved >= unresolvedMax && trials === 0) return answer(false, "unresolved");
    } else {
      trials += 1;
      if (outcome === "reproduced") reproduced += 1;
      const said = verdict(options.test, reproduced, trials - reproduced);
      if (said !== "undecided") return answer(said === "interesting", "evidence");
    }
    if (trials + unresolved >= options.trialsMax) break;
  }
  return answer(evidence(options.test, reproduced, trials - reproduced) > 0, "exhausted");
}
