import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allSteps, type Step } from "../../../../src/reproduce/explore/live/faults.ts";
import {
  configurationOf,
  type LiveCluster,
  liveFaultsMax,
  liveScenario,
  sequenceScenario,
} from "../../../../src/reproduce/explore/live/scenario.ts";
import { allFactors, trialSpec } from "../../../../src/reproduce/scenario/configuration.ts";
import { parseScenario } from "../../../../src/reproduce/scenario/load.ts";

const streaming: LiveCluster = {
  manager: "streaming",
  standbys: ["synchronous", "asynchronous"],
  proxied: true,
  automation: "blackstart",
};
const patroni: LiveCluster = {
  manager: "patroni",
  standbys: ["asynchronous"],
  proxied: false,
  automation: "none",
  times: { ttl: 7, loopWait: 1, retryTimeout: 3 },
};

const sequences: readonly (readonly [LiveCluster, readonly Step[]])[] = [
  [
    streaming,
    [
      { kind: "break", fault: "kill", on: "pg2" },
      { kind: "break", fault: "stop", on: "pg1" },
      { kind: "heal", fault: "stop", on: "pg1" },
    ],
  ],
  [
    patroni,
    [
      { kind: "break", fault: "kill", on: "one-synchronous" },
      { kind: "break", fault: "stop", on: "one-primary" },
      { kind: "heal", fault: "stop" },
    ],
  ],
];

describe("a sequence of faults as a scenario", () => {
  for (const [cluster, sequence] of sequences) {
    it(`that is written to a file is the trial that found it: ${cluster.manager}`, () => {
      const all = liveScenario(cluster, 22_000);
      const text = sequenceScenario(cluster, 22_000, sequence, "blocked", "Found.");
      const alone = parseScenario(text, { path: "found.yaml" });
      const [tried, written] = [trialSpec(all, configurationOf(sequence)), trialSpec(alone, allFactors(alone))];
      const done = (spec: typeof tried) =>
        spec.actions.map(({ fault, heal, on, settled }) => ({ fault, heal, on, settled }));
      assert.deepEqual(done(written), done(tried));
      assert.deepEqual(
        done(tried).map(({ fault, heal, settled }) => [fault ?? `heal ${heal}`, settled]),
        [
          ["kill", undefined],
          ["stop", 22_000],
          ["heal stop", 22_000],
        ],
      );
      assert.deepEqual([written.cluster, written.patroni], [tried.cluster, tried.patroni]);
      assert.deepEqual(tried.patroni, cluster.times === undefined ? {} : { ttl: 7, loop_wait: 1, retry_timeout: 3 });
      assert.deepEqual(alone.symptom, { "at-rest": ["blocked"], within: 22_000 });
    });

    it(`has a factor for each step at each place: ${cluster.manager}`, () => {
      const names = ["primary", ...cluster.standbys].map((_, index) => `pg${index + 1}`);
      const ids = allFactors(liveScenario(cluster, 1000));
      assert.equal(new Set(ids).size, ids.length);
      assert.equal(ids.length, allSteps(names, cluster).length * liveFaultsMax);
      for (const step of allSteps(names, cluster))
        for (let place = 1; place <= liveFaultsMax; place += 1) {
          const repeated = Array.from({ length: place }, () => step);
          assert.ok(configurationOf(repeated).every((id) => ids.includes(id)));
        }
    });
  }

  it("of another quiet time or another cluster is another scenario: its trials are not mistaken for these", () => {
    const texts = [
      liveScenario(streaming, 1000),
      liveScenario(streaming, 2000),
      liveScenario(patroni, 1000),
      liveScenario({ ...patroni, times: { ttl: 20, loopWait: 1, retryTimeout: 3 } }, 1000),
    ].map((scenario) => JSON.stringify(scenario));
    assert.equal(new Set(texts).size, texts.length);
  });
});
