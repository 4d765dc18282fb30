import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RoleNow } from "../../../../src/lab/lab.ts";
import { firstOf, groupsOf } from "../../../../src/reproduce/explore/live/explore.ts";
import { sequenceText, type Step, stepsFrom, type Tried } from "../../../../src/reproduce/explore/live/faults.ts";
import { type LiveSearchOptions, searchLive } from "../../../../src/reproduce/explore/live/search.ts";
import { stateKey } from "../../../../src/reproduce/explore/live/state.ts";
import { candidatesOf, type Rest, troublesOf } from "../../../../src/reproduce/trial/rest.ts";
import type { TrialResult } from "../../../../src/reproduce/trial/result.ts";
import { restOf } from "./resting.ts";

const streaming: Tried = { manager: "streaming", proxied: false };
const patroni: Tried = { manager: "patroni", proxied: false };

describe("what is wrong with a cluster at rest", () => {
  const table: readonly [rest: Rest, troubles: readonly string[], candidates: readonly string[]][] = [
    [restOf(["primary", "asynchronous"]), [], ["pg1", "pg2"]],
    [restOf(["down", "standby"]), ["blocked"], ["pg2"]],
    [restOf(["primary", "silent"], { accepted: false }), ["blocked"], ["pg1"]],
    [restOf(["down", "silent"]), [], []],
    [restOf(["primary", "primary"]), ["two-primaries"], ["pg1", "pg2"]],
    [restOf(["primary", "primary"], { takeWrites: ["pg2"] }), [], ["pg1", "pg2"]],
    [restOf(["down", "primary"], { lost: 3 }), ["lost-writes"], ["pg2"]],
  ];
  for (const [rest, troubles, candidates] of table)
    it(`${rest.nodes.map(({ role }) => role).join(", ")}: ${troubles.join() || "nothing"}`, () => {
      assert.deepEqual(troublesOf(rest), troubles);
      assert.deepEqual(
        candidatesOf(rest).map(({ name }) => name),
        candidates,
      );
    });

  it("a node whose network is cut could not take anybody's writes", () => {
    const rest = restOf(["down", "standby"]);
    const cut = { ...rest, nodes: rest.nodes.map((node) => ({ ...node, network: "cut" as const })) };
    assert.deepEqual(troublesOf(cut), []);
  });
});

describe("what may happen next", () => {
  const texts = (rest: Rest, tried: Tried) => stepsFrom(rest, tried).map((step) => sequenceText([step]));

  it("anything to a node that is well, and of nodes that are alike to one", () => {
    assert.deepEqual(texts(restOf(["primary", "asynchronous", "asynchronous"]), streaming), [
      "pg1 is killed",
      "pg1 hangs",
      "pg2 is killed",
      "pg2 hangs",
    ]);
  });

  it("to one that is broken only that it is mended", () => {
    assert.deepEqual(texts(restOf(["down", "silent"]), streaming), ["pg1 is started again", "pg2 goes on"]);
    assert.deepEqual(texts(restOf(["down", "down"]), patroni), ["whoever is switched off is switched on again"]);
  });

  it("the network only where there is a proxy", () => {
    assert.deepEqual(texts(restOf(["primary"]), { ...patroni, proxied: true }), [
      "the primary is switched off",
      "the primary is killed",
      "the primary hangs",
      "the primary is cut off",
      "the primary is in a black hole",
    ]);
    const rest = restOf(["primary"]);
    const hole = { ...rest, nodes: rest.nodes.map((node) => ({ ...node, network: "black-hole" as const })) };
    assert.deepEqual(texts(hole, { ...patroni, proxied: true }), [
      "whoever is in a black hole is out of the black hole",
    ]);
  });
});

describe("one state or two", () => {
  const same = (one: Rest, other: Rest, { manager }: Tried) => stateKey(one, manager) === stateKey(other, manager);

  it("nodes that were made alike may change places", () => {
    const [one, other] = [restOf(["primary", "down", "asynchronous"]), restOf(["primary", "asynchronous", "down"])];
    assert.ok(same(one, other, streaming));
  });

  it("the node that was made the primary is like no standby, but for Patroni", () => {
    const [one, other] = [restOf(["down", "primary"]), restOf(["primary", "down"])];
    assert.ok(!same(one, other, streaming));
    assert.ok(same(one, other, patroni));
  });

  it("what clients, manager and network make of it tells them apart", () => {
    const rest = restOf(["primary", "down"]);
    const differing: readonly Rest[] = [
      { ...rest, accepted: false },
      { ...rest, lost: 1 },
      { ...rest, nodes: rest.nodes.map((node) => ({ ...node, network: "cut" })) },
      { ...rest, nodes: rest.nodes.map((node) => ({ ...node, manager: { role: "primary", words: "leader" } })) },
    ];
    for (const other of differing) assert.ok(!same(rest, other, patroni), JSON.stringify(other));
  });
});

/** A cluster of three that fails over to the next node that is up; with `stuck`, never when that is the last. */
function model(faults: readonly Step[], stuck: boolean): Rest {
  const names = ["pg1", "pg2", "pg3"];
  const off = new Set<string>();
  const rest = () => {
    const up = names.filter((name) => !off.has(name));
    const [primary] = stuck && up.length === 1 ? [] : up;
    const standby = primary === undefined ? "standby" : "asynchronous";
    return restOf(names.map((name): RoleNow => (off.has(name) ? "down" : name === primary ? "primary" : standby)));
  };
  for (const { kind, on } of faults) {
    const hit = rest().nodes.find(({ role }) => on === `one-${role}`);
    if (kind === "heal") off.clear();
    else if (hit !== undefined) off.add(hit.name);
  }
  return rest();
}

function searching(given: Partial<LiveSearchOptions> & { stuck?: boolean } = {}) {
  const tried: string[] = [];
  const options: LiveSearchOptions = {
    tried: patroni,
    tryOut: async (faults) => {
      tried.push(sequenceText(faults));
      return { rest: model(faults, given.stuck === true) };
    },
    faultsMax: 3,
    statesMax: 100,
    trialsMax: 1000,
    jobs: 2,
    signal: new AbortController().signal,
    ...given,
  };
  return { tried, found: searchLive(options) };
}

describe("the search", () => {
  it("finds every state, each by a shortest sequence, and extends none twice", async () => {
    const { found, tried } = searching();
    const { reached, trials, ended, depth } = await found;
    // All up, one off, two off, all off: who is who does not matter.
    assert.deepEqual(
      reached.map(({ faults }) => faults.length),
      [0, 1, 2, 3],
    );
    assert.equal(new Set(tried).size, tried.length, "no sequence is tried twice");
    assert.equal(trials, tried.length);
    assert.deepEqual([ended, depth], [undefined, 3]);
  });

  it("shows the shortest sequence into trouble, and does not go on from there", async () => {
    const { found, tried } = searching({ stuck: true });
    const { reached } = await found;
    const blocked = reached.filter(({ rest }) => troublesOf(rest).includes("blocked"));
    assert.deepEqual(
      blocked.map(({ faults }) => faults.map(({ kind }) => kind)),
      [["break", "break"]],
    );
    const [first] = blocked;
    const into = sequenceText(first?.faults ?? []);
    assert.ok(tried.includes(into));
    assert.deepEqual(
      tried.filter((text) => text.startsWith(`${into}, then`)),
      [],
    );
  });

  it("ends at its limits, and says which", async () => {
    const few = await searching({ trialsMax: 3 }).found;
    assert.deepEqual([few.ended, few.trials], ["trials", 3]);
    const small = await searching({ statesMax: 2 }).found;
    assert.deepEqual([small.ended, small.reached.length], ["states", 2]);
  });

  it("tells what it had when it is interrupted", async () => {
    const abort = new AbortController();
    const { found } = searching({
      jobs: 1,
      signal: abort.signal,
      tryOut: async (faults) => {
        if (faults.length === 2) abort.abort(new Error("Ctrl-C"));
        abort.signal.throwIfAborted();
        return { rest: model(faults, false) };
      },
    });
    const { reached, ended } = await found;
    assert.deepEqual([reached.length, ended], [2, "interrupted"]);
  });

  it("tells of a sequence that could not be carried out, and goes on with the others", async () => {
    const { found } = searching({
      faultsMax: 1,
      tryOut: async (faults) =>
        faults[0]?.fault === "stop" ? { why: "no such process" } : { rest: model(faults, false) },
    });
    const { failed, reached } = await found;
    assert.deepEqual(
      failed.map(({ faults, why }) => [sequenceText(faults), why]),
      [
        ["the primary hangs", "no such process"],
        ["an asynchronous standby hangs", "no such process"],
      ],
    );
    assert.equal(reached.length, 2);
  });

  it("takes what was blocked on its way for the state that it is, of the faults so far", async () => {
    const { found } = searching({
      faultsMax: 2,
      tryOut: async (faults) =>
        faults.length === 2
          ? { rest: restOf(["standby", "standby", "down"]), after: 1 }
          : { rest: model(faults, false) },
    });
    const { reached } = await found;
    const blocked = reached.filter(({ rest }) => troublesOf(rest).length > 0);
    assert.deepEqual(
      blocked.map(({ faults }) => faults.length),
      [1],
    );
  });

  it("ends with an error that is not of the abort", async () => {
    const { found } = searching({
      tryOut: async () => {
        throw new Error("no PostgreSQL");
      },
    });
    await assert.rejects(found, /no PostgreSQL/);
  });
});

describe("what came of a sequence", () => {
  const well = restOf(["primary", "asynchronous"]);
  const waiting = { ...restOf(["down", "silent"]), refusal: "timeout" };
  const trial = (given: Partial<TrialResult>): TrialResult => ({
    configuration: ["1-kill-pg1", "2-kill-pg2"],
    sequence: 0,
    outcome: "not-reproduced",
    tookMs: 1,
    moments: [{ atMs: 0, what: "no such process" }],
    at: "2026-11-20T03:07:00.000Z",
    ...given,
  });
  async function* all(...trials: readonly TrialResult[]) {
    yield* trials;
  }

  it("is where the trial ended", async () => {
    assert.deepEqual(await firstOf(all(trial({ rest: well, passed: [well] })), well), { rest: well });
  });

  it("is the beginning of it, where that was blocked already", async () => {
    const blocked = restOf(["down", "standby"]);
    const found = await firstOf(all(trial({ rest: well, passed: [blocked] })), well);
    assert.deepEqual(found, { rest: { ...blocked, acknowledged: 0 }, after: 1 });
  });

  it("is asked again, where the faults were done to another cluster than was thought", async () => {
    const astray = trial({ rest: restOf(["down", "standby"]), passed: [waiting] });
    assert.deepEqual(await firstOf(all(astray, trial({ rest: well, passed: [well] })), well), { rest: well });
    const gaveUp = await firstOf(all(astray, astray), well);
    assert.match("why" in gaveUp ? gaveUp.why : "", /took another way: .*pg1 down; pg2 silent; no write is accepted/);
    assert.ok("rest" in (await firstOf(all(astray), waiting)), "that is the cluster that was thought");
  });

  it("is asked again, where it could not be carried out", async () => {
    assert.deepEqual(await firstOf(all(trial({}), trial({ rest: well })), undefined), { rest: well });
    assert.deepEqual(await firstOf(all(trial({}), trial({}), trial({ rest: well })), undefined), {
      why: "no such process",
    });
  });
});

describe("what is told of the states in trouble", () => {
  const [kill, stop, other]: readonly Step[] = [
    { kind: "break", fault: "kill", on: "pg1" },
    { kind: "break", fault: "stop", on: "pg2" },
    { kind: "break", fault: "stop", on: "pg3" },
  ];
  const blocked = restOf(["down", "standby"]);
  const lost = restOf(["primary", "asynchronous"], { lost: 1 });
  const sequences = (reached: readonly (readonly [Rest, ...(Step | undefined)[]])[]) =>
    groupsOf(reached.map(([rest, ...faults]) => ({ rest, faults: faults.filter((step) => step !== undefined) }))).map(
      ({ trouble, state: { faults }, more }) => [trouble, faults.length, more],
    );

  it("nothing of those that are well", () => {
    assert.deepEqual(sequences([[restOf(["primary"]), kill]]), []);
  });

  it("the same faults with others between them once, by the shortest", () => {
    assert.deepEqual(
      sequences([
        [blocked, kill, stop],
        [blocked, kill, other, stop],
        [blocked, other, kill, stop],
      ]),
      [["blocked", 2, 2]],
    );
  });

  it("what is lost in the same role for the same, whichever node has it by then", () => {
    const primary = (on: string): Step => ({ kind: "break", fault: "stop", on, as: "primary" });
    const standby: Step = { ...primary("pg2"), as: "asynchronous" };
    assert.deepEqual(
      sequences([
        [blocked, primary("pg1")],
        [blocked, kill, primary("pg2")],
        [blocked, standby],
      ]),
      [
        ["blocked", 1, 1],
        ["blocked", 1, 0],
      ],
    );
  });

  it("another order, other faults and another trouble for themselves", () => {
    assert.deepEqual(
      sequences([
        [blocked, kill, stop],
        [blocked, stop, kill],
        [blocked, kill, other],
        [lost, kill, other, stop],
      ]),
      [
        ["blocked", 2, 0],
        ["blocked", 2, 0],
        ["blocked", 2, 0],
        ["lost-writes", 3, 0],
      ],
    );
  });
});
