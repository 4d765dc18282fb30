import type { Action, Factor, Scenario } from "./schema.ts";
import { actionKinds } from "./schema.ts";

/** Which of the scenario's factors are present: ids, in the scenario's order. */
export type Configuration = readonly string[];

/** What one trial is: the cluster that is made and what is done to it, in order. */
export type TrialSpec = Readonly<{
  cluster: Scenario["cluster"];
  /** By node; `*` is for every node. What stands later in the scenario wins. */
  settings: Readonly<Record<string, Readonly<Record<string, string>>>>;
  environment: Readonly<Record<string, string>>;
  /** Patroni's times, in seconds. */
  patroni: NonNullable<Factor["patroni"]>;
  actions: readonly Action[];
}>;

export function allFactors(scenario: Scenario): Configuration {
  return scenario.factors.map(({ id }) => id);
}

/** In the scenario's order, each once, without those whose needs are absent: two that mean the same are the same. */
export function normalized(scenario: Scenario, wanted: Iterable<string>): Configuration {
  let present = new Set(wanted);
  for (;;) {
    const left = scenario.factors.filter(
      ({ id, needs }) => present.has(id) && needs.every((needed) => present.has(needed)),
    );
    if (left.length === present.size) return left.map(({ id }) => id);
    present = new Set(left.map(({ id }) => id));
  }
}

/** What a trial with these factors is. Pure. */
export function trialSpec(scenario: Scenario, configuration: Configuration): TrialSpec {
  const present = scenario.factors.filter(({ id }) => configuration.includes(id));
  const isNeeded = ({ needs }: { needs: readonly string[] }) => needs.every((id) => configuration.includes(id));
  return {
    cluster: present.reduce((cluster, { topology }) => ({ ...cluster, ...defined(topology) }), scenario.cluster),
    settings: settingsOf(scenario, present),
    environment: present.reduce((all, factor) => ({ ...all, ...factor.environment }), scenario.workload.environment),
    patroni: present.reduce((times, factor) => ({ ...times, ...factor.patroni }), scenario.cluster.patroni ?? {}),
    actions: [
      ...scenario.before.filter(isNeeded),
      ...present.filter(isAction),
      ...scenario.afterwards.filter(isNeeded),
    ],
  };
}

function isAction(factor: Factor): boolean {
  return actionKinds.some((kind) => factor[kind] !== undefined);
}

function settingsOf(scenario: Scenario, present: readonly Factor[]): TrialSpec["settings"] {
  const byNode: Record<string, Record<string, string>> = { "*": { ...scenario.cluster.settings } };
  for (const { settings, nodes = ["*"] } of present)
    for (const node of nodes) byNode[node] = { ...byNode[node], ...settings };
  return byNode;
}

function defined<T extends object>(fields: T | undefined): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== undefined)) as never;
}
