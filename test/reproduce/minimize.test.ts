import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createBudget } from "../../src/reproduce/minimize/budget.ts";
import { minimalSet } from "../../src/reproduce/minimize/minimal-set.ts";
import { minimize } from "../../src/reproduce/minimize/minimize.ts";
import { BudgetSpent, createOracle, type OracleOptions } from "../../src/reproduce/minimize/oracle.ts";
import type { Configuration } from "../../src/reproduce/scenario/configuration.ts";
import { configurationKey, type TrialResult } from "../../src/reproduce/trial/result.ts";

const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/** Some sets of factors, none within another: what there is to be found. */
const minimalSets = fc
  .array(fc.subarray(names, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })
  .map((sets) =>
    sets.filter((set, index) => sets.every((other, at) => at === index || !within(other, set, at < index))),
  );

/** Another that lies within this one makes it no minimal set; of two equal ones the first stays. */
function within(other: Configuration, set: Configuration, earlier: boolean): boolean {
  const inside = other.every((name) => set.includes(name));
  return inside && (other.length < set.length || earlier);
}

const holds = (set: Configuration, configuration: Configuration) => set.every((name) => configuration.includes(name));

function oracleFor(shows: (configuration: Configuration) => boolean, changes: Partial<OracleOptions> = {}) {
  const asked: string[] = [];
  const oracle = createOracle({
    test: { shows: 0.9, background: 0.1, error: 0.001 },
    trials: async function* (configuration) {
      asked.push(configurationKey(configuration));
      for (;;) yield trial(configuration, shows(configuration) ? "reproduced" : "not-reproduced");
    },
    normalize: (configuration) => names.filter((name) => configuration.includes(name)),
    trialsMax: 100,
    spend: () => undefined,
    ...changes,
  });
  return { oracle, asked };
}

function trial(configuration: Configuration, outcome: TrialResult["outcome"]): TrialResult {
  return { configuration, sequence: 0, outcome, tookMs: 1, moments: [], at: "2026-11-20T03:07:00.000Z" };
}

describe("minimize", () => {
  it("finds every minimal set, and what is in none, whatever they are", async () => {
    await fc.assert(
      fc.asyncProperty(minimalSets, async (sets) => {
        const { oracle, asked } = oracleFor((configuration) => sets.some((set) => holds(set, configuration)));
        const { minimal, alternatives, redHerrings, onlyWith, complete } = await minimize(names, oracle);
        assert.ok(complete);
        const found = [minimal ?? [], ...alternatives].map(configurationKey);
        assert.deepEqual(found.toSorted(), sets.map(configurationKey).toSorted());
        assert.equal(minimal?.length, Math.min(...sets.map(({ length }) => length)));
        assert.deepEqual(
          redHerrings,
          names.filter((name) => !sets.some((set) => set.includes(name))),
        );
        for (const [name, others] of Object.entries(onlyWith)) {
          assert.ok(!minimal?.includes(name));
          assert.ok(sets.some((set) => configurationKey(set) === configurationKey([name, ...others])));
        }
        assert.equal(new Set(asked).size, asked.length, "nothing is tried twice");
      }),
      { numRuns: 300 },
    );
  });

  it("finds one set of k among n with about 2k·log₂(n/k) + 2k questions", async () => {
    for (const set of [["a"], ["j"], ["a", "j"], ["b", "e", "h"]]) {
      let questions = 0;
      const found = await minimalSet(names, async (configuration) => {
        questions += 1;
        return holds(set, configuration);
      });
      assert.deepEqual(found, set);
      const k = set.length;
      // And one more for each of the set, and for the set: that it is minimal is asked, not believed.
      assert.ok(questions <= 2 * k * Math.log2(names.length / k) + 3 * k + 2, `${questions} questions for ${k}`);
    }
  });

  it("answers with a set that needs each of its factors, also where others hide the symptom", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.subarray(names), { minLength: 1, maxLength: 40 }), async (showing) => {
        const keys = new Set([...showing, names].map(configurationKey));
        const shows = async (configuration: Configuration) => keys.has(configurationKey(configuration));
        const found = await minimalSet(names, shows);
        assert.ok(await shows(found));
        for (const factor of found) assert.ok(!(await shows(found.filter((other) => other !== factor))));
      }),
      { numRuns: 300 },
    );
  });

  it("says what it knows when its budget is spent, and calls nothing a red herring then", async () => {
    let left = 7;
    const spend = () => {
      if (left-- === 0) throw new BudgetSpent();
    };
    const { oracle } = oracleFor((configuration) => holds(["a", "b"], configuration), { spend });
    const found = await minimize(names, oracle);
    assert.deepEqual(found.minimal, ["a", "b"]);
    assert.equal(found.complete, false);
    assert.deepEqual(found.redHerrings, []);
  });

  it("ends within a decision when its time is spent, and takes what was cut short for none", async () => {
    let nowMs = 0;
    const budget = createBudget({ decisions: 100, timeMs: 50 }, () => nowMs);
    const made: TrialResult[] = [];
    const { oracle } = oracleFor((configuration) => holds(["a", "b"], configuration), {
      spend: budget.spend,
      trials: (configuration) =>
        budget.within(
          (async function* () {
            for (;;) {
              nowMs += 3;
              made.push(trial(configuration, holds(["a", "b"], configuration) ? "reproduced" : "not-reproduced"));
              yield made.at(-1) as TrialResult;
            }
          })(),
        ),
    });
    const { complete, redHerrings } = await minimize(names, oracle);
    assert.deepEqual([complete, redHerrings], [false, []]);
    // 17 trials are begun within 50 ms; the last of them decides nothing.
    assert.equal(made.length, 17);
    assert.equal(
      oracle.decisions.reduce((sum, { trials }) => sum + trials, 0),
      16,
    );
  });

  it("makes so many decisions, and no more", async () => {
    const { spend } = createBudget({ decisions: 7, timeMs: 1 }, () => 0);
    const { oracle } = oracleFor((configuration) => holds(["a", "b"], configuration), { spend });
    assert.equal((await minimize(names, oracle)).complete, false);
    assert.equal(oracle.decisions.length, 7);
  });

  it("lets a failure through that is not its budget", async () => {
    const { oracle } = oracleFor(() => {
      throw new Error("the disk is gone");
    });
    await assert.rejects(minimize(names, oracle), /the disk is gone/);
  });
});

/** Factors of which a model knows something: their sets, without the others, it takes for what it believes. */
const sieves = fc.record({
  truth: minimalSets,
  /** What it takes to be enough: right, wrong, too much or too little. */
  belief: minimalSets,
  known: fc.subarray(names),
});

describe("minimize with a sieve", () => {
  it("finds the same, whatever the sieve believes", async () => {
    await fc.assert(
      fc.asyncProperty(sieves, async ({ truth, belief, known }) => {
        const believes = (configuration: Configuration) => belief.some((set) => holds(set, configuration));
        const knows = (configuration: Configuration) => configuration.every((name) => known.includes(name));
        const { oracle } = oracleFor((configuration) => truth.some((set) => holds(set, configuration)), {
          mayShow: async (configuration) => !knows(configuration) || believes(configuration),
        });
        const guess = async (factors: Configuration) => {
          const within = factors.filter((name) => known.includes(name));
          return believes(within) ? minimalSet(within, async (each) => believes(each)) : undefined;
        };
        const { minimal, alternatives, complete } = await minimize(names, oracle, guess);
        assert.ok(complete);
        const found = [minimal ?? [], ...alternatives].map(configurationKey);
        assert.deepEqual(found.toSorted(), truth.map(configurationKey).toSorted());
      }),
      { numRuns: 500 },
    );
  });

  it("tries the guess, and what bounds it, and nothing besides", async () => {
    const truth = ["c", "f"];
    const known = ["c", "d", "f"];
    const shows = (configuration: Configuration) => holds(truth, configuration);
    const { oracle, asked } = oracleFor(shows, {
      mayShow: async (configuration) => !configuration.every((name) => known.includes(name)) || shows(configuration),
    });
    const { minimal } = await minimize(names, oracle, async () => truth);
    assert.deepEqual(minimal, truth);
    const without = (factor: string) => names.filter((name) => name !== factor);
    const expected = [names, truth, without("c"), without("f")].map(configurationKey);
    assert.deepEqual(asked.toSorted(), expected.toSorted());
  });
});

describe("an oracle", () => {
  const outcomes = (...said: TrialResult["outcome"][]): OracleOptions["trials"] =>
    async function* (configuration) {
      for (;;) yield trial(configuration, said.shift() ?? "not-reproduced");
    };

  it("stops as soon as the evidence suffices", async () => {
    const { oracle } = oracleFor(() => true);
    const decision = await oracle.decide(["a"]);
    assert.deepEqual([decision.interesting, decision.how, decision.trials], [true, "evidence", 4]);
  });

  it("takes what cannot be carried out as uninteresting, and says so", async () => {
    const { oracle } = oracleFor(() => true, { trials: outcomes("unresolved", "unresolved", "unresolved") });
    const decision = await oracle.decide(["a"]);
    assert.deepEqual([decision.interesting, decision.how], [false, "unresolved"]);
  });

  it("does not let a trial that failed once count as one without the symptom", async () => {
    const trials = outcomes("unresolved", "reproduced", "reproduced", "reproduced", "reproduced");
    const decision = await oracleFor(() => true, { trials }).oracle.decide(["a"]);
    assert.deepEqual([decision.interesting, decision.trials, decision.reproduced], [true, 4, 4]);
  });

  it("says when the trials it may make do not suffice", async () => {
    let odd = false;
    const { oracle } = oracleFor(() => (odd = !odd), {
      trialsMax: 3,
      test: { shows: 0.6, background: 0.4, error: 1e-6 },
    });
    assert.equal((await oracle.decide(["a"])).how, "exhausted");
  });

  it("makes no trial of what a model has ruled out", async () => {
    const { oracle, asked } = oracleFor(() => true, { mayShow: async () => false });
    assert.deepEqual((await oracle.decide(["a"])).how, "ruled-out");
    assert.deepEqual(asked, []);
  });

  it("tries the largest of what was ruled out, and forgets the rest where that was wrong", async () => {
    const { oracle, asked } = oracleFor((configuration) => configuration.includes("a"), {
      mayShow: async () => false,
    });
    for (const set of [["b"], ["b", "c"], ["c"]]) await oracle.decide(set);
    assert.equal(await oracle.confirm(), true);
    assert.deepEqual(asked, [configurationKey(["b", "c"])]);
    assert.equal((await oracle.decide(["a"])).how, "ruled-out");
    assert.equal(await oracle.confirm(), false);
    assert.equal((await oracle.decide(["a"])).interesting, true);
    assert.equal((await oracle.decide(["d"])).how, "evidence");
  });
});
