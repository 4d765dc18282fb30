import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readCib } from "../../../src/drivers/pacemaker/cib.ts";
import type { Place, Role } from "../../../src/drivers/pacemaker/cluster-status.ts";
import { afterTransition } from "../../../src/reproduce/explore/agent.ts";
import { applyFault, faultsOf } from "../../../src/reproduce/explore/faults.ts";
import { startOf } from "../../../src/reproduce/explore/start.ts";
import type { Model, State } from "../../../src/reproduce/explore/state.ts";
import { cibXml, database, outageOf2017, virtualIp } from "./cibs.ts";

const nothing = { roles: new Map(), fenced: new Set<string>(), failed: new Set<Place>() };

function clusterOf(parameters: string, nodes: readonly string[], agent = "pgsql"): Model {
  const resources = database({ id: "P", clone: "ms", parameters, agent });
  return startOf(readCib(cibXml({ nodes, resources })), nothing).model;
}

const sync = clusterOf('<nvpair id="m" name="rep_mode" value="sync"/>', ["a", "b", "c"]);
const async3 = clusterOf('<nvpair id="m" name="rep_mode" value="async"/>', ["a", "b", "c"]);
const async2 = clusterOf('<nvpair id="m" name="rep_mode" value="async"/>', ["a", "b"]);
const other = clusterOf("", ["a", "b", "c"], "Stateful");

type Given = Readonly<{ roles: Record<string, Role>; scores: Record<string, string>; lost?: readonly string[] }>;

function stateOf({ roles, scores, lost = [] }: Given): State {
  const at = <T>(of: Record<string, T>) =>
    new Map(Object.entries(of).map(([node, value]) => [`P@${node}` as Place, value]));
  const places = new Set(lost.map((node) => `P@${node}` as Place));
  const online = new Set(["a", "b", "c"]);
  return { online, roles: at(roles), scores: at(scores), lost: places, failed: new Set(), failCounts: new Map() };
}

function scoresOf(state: State): Record<string, string> {
  return Object.fromEntries([...state.scores].map(([place, score]) => [place.slice(2), score]));
}

const [P, U] = ["Promoted", "Unpromoted"] as const;

describe("the scores that ocf:heartbeat:pgsql gives", () => {
  const table: readonly [string, Model, Given, Record<string, string>][] = [
    [
      "a synchronous standby without a primary has the right to be one",
      sync,
      { roles: { b: U, c: U }, scores: { b: "100", c: "-INFINITY" } },
      { b: "1000", c: "-INFINITY" },
    ],
    ["an asynchronous one has not", sync, { roles: { c: U }, scores: { c: "-INFINITY" } }, { c: "-INFINITY" }],
    [
      "beside a new primary the next one becomes synchronous",
      sync,
      { roles: { b: P, c: U }, scores: { b: "1000", c: "-INFINITY" } },
      { b: "1000", c: "100" },
    ],
    [
      "not one whose data is lost",
      sync,
      { roles: { a: U, b: P, c: U }, scores: { a: "-INFINITY", b: "1000", c: "-INFINITY" }, lost: ["a"] },
      { a: "-INFINITY", b: "1000", c: "100" },
    ],
    [
      "only one is synchronous, the one that was",
      sync,
      { roles: { a: U, b: P, c: U }, scores: { a: "-INFINITY", b: "1000", c: "100" } },
      { a: "-INFINITY", b: "1000", c: "100" },
    ],
    [
      "asynchronous, three nodes: nobody may be promoted beside a primary",
      async3,
      { roles: { a: P, b: U, c: U }, scores: { a: "1000", b: "100", c: "100" } },
      { a: "1000", b: "-INFINITY", c: "-INFINITY" },
    ],
    [
      "asynchronous, three nodes, no primary: who has received most",
      async3,
      { roles: { b: U, c: U }, scores: { b: "-INFINITY", c: "-INFINITY" } },
      { b: "1000", c: "-INFINITY" },
    ],
    [
      "asynchronous, two nodes: the other one",
      async2,
      { roles: { a: P, b: U }, scores: { a: "1000", b: "-INFINITY" } },
      { a: "1000", b: "100" },
    ],
    [
      "another agent's scores are left as they are",
      other,
      { roles: { b: U, c: U }, scores: { b: "100", c: "5" } },
      { b: "100", c: "5" },
    ],
  ];
  for (const [name, model, given, scores] of table)
    test(name, () => {
      const state = stateOf(given);
      assert.deepEqual(scoresOf(afterTransition(model, state, state)), scores);
    });

  test("an old primary that was demoted does not start again", () => {
    const before = stateOf({ roles: { a: P, b: U }, scores: { a: "-INFINITY", b: "100" } });
    const after = afterTransition(sync, before, { ...before, roles: new Map([["P@b", U]]) });
    assert.equal(after.failCounts.get("P@a"), 1_000_000);
    assert.deepEqual(scoresOf(after), { a: "-INFINITY", b: "1000" });
  });
});

describe("faults", () => {
  const { model, state } = startOf(readCib(outageOf2017({ direction: "D2", score: -50, stickiness: 0 })), {
    ...nothing,
    roles: new Map<Place, Role>([
      ["PostgresqlVIP@pg1", "Started"],
      ["PostgresqlBackupVIP@pg2", "Started"],
      ["Postgresql@pg1", "Promoted"],
      ["Postgresql@pg2", "Unpromoted"],
      ["Postgresql@pg3", "Unpromoted"],
    ]),
  });

  test("all that may happen to the cluster of 2017", () => {
    const kinds = faultsOf(model, state).map(({ kind }) => kind);
    const countOf = (kind: string) => kinds.filter((each) => each === kind).length;
    assert.deepEqual(
      ["node-down", "resource-failed", "score-lost", "moved", "node-back"].map(countOf),
      // pg3 has no score to lose; either VIP can go to two other nodes.
      [3, 5, 2, 4, 0],
    );
  });

  test("a dead primary loses its score at once, a dead standby does not", () => {
    const primary = applyFault(model, state, { kind: "resource-failed", resource: "Postgresql", node: "pg1" });
    assert.equal(primary.scores.get("Postgresql@pg1"), "-INFINITY");
    assert.ok(primary.failed.has("Postgresql@pg1") && primary.failCounts.has("Postgresql@pg1"));
    const standby = applyFault(model, state, { kind: "resource-failed", resource: "Postgresql", node: "pg2" });
    assert.equal(standby.scores.get("Postgresql@pg2"), "100");
  });

  test("what was known of a node goes with it, and it comes back as a standby", () => {
    const down = applyFault(model, state, { kind: "node-down", node: "pg1" });
    assert.ok(![...down.roles.keys(), ...down.scores.keys()].some((place) => place.endsWith("@pg1")));
    const back = applyFault(model, down, { kind: "node-back", node: "pg1" });
    assert.equal(back.scores.get("Postgresql@pg1"), "-INFINITY");
    assert.ok(back.online.has("pg1") && !back.roles.has("Postgresql@pg1"));
  });

  test("what no monitor would notice does not fail", () => {
    const unwatched = virtualIp("VIP").replace(/<operations>.*<\/operations>/, "");
    const { model: alone, state: initial } = startOf(readCib(cibXml({ resources: unwatched })), nothing);
    const running = { ...initial, roles: new Map<Place, Role>([["VIP@pg1", "Started"]]) };
    assert.ok(!faultsOf(alone, running).some(({ kind }) => kind === "resource-failed"));
  });
});
