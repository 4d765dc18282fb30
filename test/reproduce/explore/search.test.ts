import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readCib } from "../../../src/drivers/pacemaker/cib.ts";
import type { Place, Role } from "../../../src/drivers/pacemaker/cluster-status.ts";
import type { Decision } from "../../../src/drivers/pacemaker/decision.ts";
import { applyFault, faultsOf } from "../../../src/reproduce/explore/faults.ts";
import { replay, search } from "../../../src/reproduce/explore/search.ts";
import { createSettler } from "../../../src/reproduce/explore/settle.ts";
import { keyOf, type Model, type Scheduler, type State } from "../../../src/reproduce/explore/state.ts";
import { cibXml, virtualIp } from "./cibs.ts";

const nodes = ["a", "b", "c", "d"];
const cib = readCib(cibXml({ nodes, resources: virtualIp("VIP") }));
const model: Model = { cib, promotables: [], givenScores: new Map(), primaryScores: new Map(), countsFailures: false };
const initial: State = {
  online: new Set(nodes),
  roles: new Map<Place, Role>([["VIP@a", "Started"]]),
  ...{ scores: new Map(), failCounts: new Map(), failed: new Set<Place>(), lost: new Set<Place>() },
};

/** Starts the VIP on the first node that is up, where it does not run already. */
const firstNode: Scheduler = async (_, states) => states.map(({ online, roles }) => decision(online, roles));

function decision(online: ReadonlySet<string>, roles: ReadonlyMap<Place, Role>): Decision {
  const first = nodes.find((node) => online.has(node));
  const placed = roles.size > 0 || first === undefined ? roles : new Map<Place, Role>([[`VIP@${first}`, "Started"]]);
  return { roles: placed, fenced: new Set(), failed: new Set() };
}

const options = { initial, statesMax: 1000 };

test("every state is found once, by a sequence that leads there, and no shorter one does", async () => {
  const settler = createSettler(model, firstNode);
  const { reached, complete } = await search({ ...options, settler, faultsMax: 3 });
  assert.equal(complete, true);
  assert.equal(new Set(reached.map(({ state }) => keyOf(state))).size, reached.length);
  const states = await replay(
    settler,
    initial,
    reached.map(({ faults }) => faults),
  );
  const distances = await distancesByBruteForce();
  assert.equal(reached.length, distances.size);
  reached.forEach(({ state, faults }, index) => {
    assert.equal(keyOf(states[index] ?? initial), keyOf(state));
    assert.equal(distances.get(keyOf(state)), faults.length);
  });
});

/** All sequences of at most three faults, one by one: slow, and plainly right. */
async function distancesByBruteForce(): Promise<ReadonlyMap<string, number>> {
  const distances = new Map<string, number>([[keyOf(initial), 0]]);
  const follow = async (state: State, depth: number): Promise<void> => {
    if (depth === 3) return;
    for (const fault of faultsOf(model, state)) {
      const [settled] = await createSettler(model, firstNode).settle([applyFault(model, state, fault)]);
      if (settled === undefined) continue;
      const key = keyOf(settled.state);
      distances.set(key, Math.min(distances.get(key) ?? Number.POSITIVE_INFINITY, depth + 1));
      await follow(settled.state, depth + 1);
    }
  };
  await follow(initial, 0);
  return distances;
}

test("a state is asked of the scheduler once, however many ways lead to it", async () => {
  const asked: string[] = [];
  const scheduler: Scheduler = (of, states) => {
    asked.push(...states.map(keyOf));
    return firstNode(of, states);
  };
  await search({ ...options, settler: createSettler(model, scheduler), faultsMax: 4 });
  assert.equal(new Set(asked).size, asked.length);
});

test("a cluster that goes round in circles is told apart from one at rest", async () => {
  const restless: Scheduler = async (_, states) =>
    states.map(({ roles, online }) => {
      const at = nodes.findIndex((node) => roles.has(`VIP@${node}`));
      const next = online.size < 4 ? new Map<Place, Role>([[`VIP@${nodes[(at + 1) % 4]}`, "Started"]]) : roles;
      return { roles: next, fenced: new Set(), failed: new Set() };
    });
  const found = await search({ ...options, settler: createSettler(model, restless), faultsMax: 1 });
  assert.equal(found.restless.length, 4);
  assert.deepEqual(
    found.restless.map(({ faults, moving }) => [faults[0]?.kind, ...moving]),
    nodes.map(() => ["node-down", "VIP"]),
  );
});

test("it ends at the limit of states, and says so", async () => {
  const found = await search({ ...options, settler: createSettler(model, firstNode), faultsMax: 3, statesMax: 5 });
  assert.equal(found.complete, false);
  assert.ok(found.reached.length >= 5 && found.reached.length < 20);
});

test("asked to end, it answers with what it has", async () => {
  const abort = new AbortController();
  let asked = 0;
  const scheduler: Scheduler = async (of, states) => {
    asked += 1;
    if (asked === 4) abort.abort(new Error("enough"));
    abort.signal.throwIfAborted();
    return firstNode(of, states);
  };
  const settler = createSettler(model, scheduler);
  const found = await search({ ...options, settler, faultsMax: 3, signal: abort.signal });
  assert.equal(found.complete, false);
  assert.ok(found.reached.length > 0);
});

test("the same state has the same key, in whatever order it was put together", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(nodes), fc.integer(), (online, seed) => {
      const turned = online.toSorted((a, b) => ((a.charCodeAt(0) * seed) % 7) - ((b.charCodeAt(0) * seed) % 7));
      assert.equal(keyOf({ ...initial, online: new Set(online) }), keyOf({ ...initial, online: new Set(turned) }));
    }),
  );
});
