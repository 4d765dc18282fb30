import { stringify } from "yaml";
import { durationText } from "../../../system/duration.ts";
import type { Configuration } from "../../scenario/configuration.ts";
import { type Factor, type Scenario, scenarioSchema, type WrittenScenario } from "../../scenario/schema.ts";
import type { Trouble } from "../../trial/rest.ts";
import { allSteps, type LiveManager, sequenceText, type Step } from "./faults.ts";

/** The clusters that are explored: each trial has one of its own. */
export type LiveCluster = Readonly<{
  manager: LiveManager;
  standbys: readonly ("synchronous" | "asynchronous")[];
  proxied: boolean;
  automation: "none" | "blackstart";
  /** Patroni's, in seconds. */
  times?: Readonly<{ ttl: number; loopWait: number; retryTimeout: number }>;
}>;

/** More faults than this nobody would wait for. */
export const liveFaultsMax = 6;

/** Each client pauses so long: enough to see an outage, and little for machines that run several clusters. */
const clientPause = "20ms";

/**
 * The scenario of which every sequence is a configuration: a factor for each step at each place of a sequence. So the trials
 * of a search with more faults are those of one with fewer, and some.
 */
export function liveScenario(cluster: LiveCluster, quietForMs: number): Scenario {
  const steps = allSteps(nodesOf(cluster), cluster);
  const places = Array.from({ length: liveFaultsMax }, (_, index) => index + 1);
  const common = scenarioSchema.parse({
    ...written(cluster, quietForMs, [], ["blocked", "two-primaries", "lost-writes"]),
    factors: [{ id: "none", sql: "select 1" }],
  });
  const factors = places.flatMap((place) => steps.map((step) => factorOf(step, place, quietForMs)));
  return { ...common, factors };
}

export function configurationOf(faults: readonly Step[]): Configuration {
  return faults.map((step, index) => idOf(step, index + 1));
}

/** A scenario of this sequence alone, to be run, minimized and kept. */
export function sequenceScenario(
  cluster: LiveCluster,
  quietForMs: number,
  faults: readonly Step[],
  trouble: Trouble,
  comment: string,
): string {
  const scenario = written(cluster, quietForMs, faults, [trouble]);
  return `${comment.replace(/^/gm, "# ")}\n${stringify(scenario, { lineWidth: 0 })}`;
}

/** The names that a lab gives its nodes, in the order in which they are made. */
function nodesOf({ standbys }: LiveCluster): readonly string[] {
  return ["primary", ...standbys].map((_, index) => `pg${index + 1}`);
}

function written(
  cluster: LiveCluster,
  quietForMs: number,
  faults: readonly Step[],
  troubles: readonly Trouble[],
): WrittenScenario {
  const { manager, standbys, proxied, automation, times } = cluster;
  return {
    scenario: faults.length === 0 ? `explore-${manager}` : `${troubles.join("-")}-${manager}`,
    ...(faults.length === 0 ? {} : { about: `${sequenceText(faults)}.` }),
    cluster: {
      manager,
      standbys: [...standbys],
      ...(proxied ? { proxied } : {}),
      ...(automation === "none" ? {} : { automation }),
      ...(times === undefined
        ? {}
        : { patroni: { ttl: times.ttl, loop_wait: times.loopWait, retry_timeout: times.retryTimeout } }),
    },
    workload: { every: clientPause },
    factors: faults.map((step, index) => {
      const { fault, heal, on, settled, id } = factorOf(step, index + 1, quietForMs);
      const what = fault === undefined ? { heal } : { fault };
      return {
        id,
        ...what,
        ...(on === undefined ? {} : { on }),
        ...(settled === undefined ? {} : { settled: durationText(settled) }),
      };
    }),
    symptom: { "at-rest": [...troubles], within: durationText(quietForMs) },
  };
}

/** Before the first one the cluster is as it was made: that was at rest. */
function factorOf(step: Step, place: number, quietForMs: number): Factor {
  const { kind, fault, on } = step;
  return {
    id: idOf(step, place),
    ...(kind === "break" ? { fault } : { heal: fault }),
    ...(on === undefined ? {} : { on }),
    ...(place === 1 ? {} : { settled: quietForMs }),
    needs: [],
  };
}

function idOf({ kind, fault, on }: Step, place: number): string {
  return [place, ...(kind === "break" ? [] : ["heal"]), fault, ...(on === undefined ? [] : [on])].join("-");
}
