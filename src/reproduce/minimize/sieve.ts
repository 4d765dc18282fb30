import { openCrmSimulate } from "../../drivers/pacemaker/crm-simulate.ts";
import { type Forecast, openForecast } from "../explore/forecast.ts";
import { type Configuration, trialSpec } from "../scenario/configuration.ts";
import type { Scenario } from "../scenario/schema.ts";
import { minimalSet } from "./minimal-set.ts";

/**
 * What can be told of sets of factors without a trial, by asking the cluster manager's own scheduler. It is believed in
 * one direction, that a set does not show the symptom, and that only until trials have confirmed or refuted it.
 */
export interface Sieve {
  mayShow(configuration: Configuration): Promise<boolean>;
  /** A minimal set within these, as far as the scheduler knows; undefined where it foresees no outage. */
  guess(factors: Configuration): Promise<Configuration | undefined>;
  close(): Promise<void>;
}

/**
 * A failover takes some seconds, and the scheduler knows nothing of time: a shorter silence is none that it could rule out.
 */
const silenceMinMs = 20_000;

/** Whether the symptom is one that the scheduler has something to say about: clients that find no primary. */
export function fitsSieve({ cluster, symptom }: Scenario): boolean {
  const silence = symptom["no-write-for"];
  return cluster.manager === "pacemaker" && cluster.automation === "none" && (silence ?? 0) >= silenceMinMs;
}

/** @param cib of a cluster as the trials begin with it */
export async function openSieve(scenario: Scenario, cib: string, signal: AbortSignal): Promise<Sieve> {
  const crm = await openCrmSimulate({ signal });
  const foresee = await openForecast(crm, cib, signal).catch(async (error) => {
    await crm.close();
    throw error;
  });
  const plain = JSON.stringify({ ...trialSpec(scenario, []), actions: [] });
  const forecastOf = (configuration: Configuration): Promise<Forecast> => {
    const spec = trialSpec(scenario, configuration);
    // Another cluster, or other servers, than the one whose CIB this is.
    if (JSON.stringify({ ...spec, actions: [] }) !== plain) return Promise.resolve("unknown");
    return foresee(spec.actions);
  };
  return {
    mayShow: async (configuration) => (await forecastOf(configuration)) !== "works",
    async guess(factors) {
      const known: string[] = [];
      for (const factor of factors) if ((await forecastOf([factor])) !== "unknown") known.push(factor);
      const shows = async (configuration: Configuration) => (await forecastOf(configuration)) === "down";
      return (await shows(known)) ? minimalSet(known, shows) : undefined;
    },
    close: () => crm.close(),
  };
}
