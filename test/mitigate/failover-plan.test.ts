import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import type { Choice, PlanDraft } from "../../src/mitigate/planning.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import type { System } from "../../src/system/schema.ts";
import { alive, dead, facts, noChoice, primaryDead, remembered, system, receiver } from "./fixtures.ts";

function planned(seen: ClusterFacts, choice: Partial<Choice> = {}, declared: System = system()): PlanDraft {
  const made = planFailover(declared, seen, { ...noChoice, ...choice });
  if (isRefusal(made)) assert.fail(`refused (${made.rule}): ${made.missing}`);
  return made;
}

const ids = (plan: PlanDraft) => plan.steps.map((step) => step.id);
const titleOf = (plan: PlanDraft, id: string) => plan.steps.find((step) => step.id === id)?.title ?? "";
const parametersOf = (plan: PlanDraft, id: string) => plan.steps.find((step) => step.id === id)?.parameters;

test("the way to a service that works comes first, what brings the old primary back after it", () => {
  const plan = planned(primaryDead());
  assert.deepEqual(ids(plan), [
    "fence",
    "elect",
    "set-synchronous",
    "promote",
    "follow",
    "move-clients",
    "verify-write",
    "rejoin-pg2",
    "rejoin-pg3",
    "keep-pg1",
    "rejoin-pg1",
    "set-synchronous-as-meant",
    "verify",
  ]);
  assert.equal(plan.risk.lossBytes, 0);
  const stops = plan.steps.filter((step) => step.onFailure !== "continue").map((step) => step.id);
  assert.deepEqual(stops, ["fence", "elect", "set-synchronous", "promote", "move-clients", "verify-write"]);
});

test("it goes before the aftercare of others; keeping and copying may take as long as a large database needs", () => {
  const plan = planned(primaryDead());
  assert.equal(plan.urgent, true);
  const long = plan.steps.filter(({ kind }) => kind === "host.keep" || kind === "postgres.rejoin");
  assert.equal(long.length, 4);
  for (const { parameters } of long) assert.ok(Number(parameters.timeoutMs) >= 24 * 60 * 60_000);
});

test("nothing overwrites the old primary before it was kept", () => {
  const order = ids(planned(primaryDead()));
  assert.ok(order.indexOf("keep-pg1") < order.indexOf("rejoin-pg1"));
});

test("on a tie the synchronous standby goes before the others, a chosen one before it", () => {
  assert.deepEqual(parametersOf(planned(primaryDead()), "elect")?.candidates, ["pg2", "pg3"]);
  assert.deepEqual(parametersOf(planned(primaryDead(), { node: "pg3" }), "elect")?.candidates, ["pg3", "pg2"]);
});

test("the node that is promoted is named, and is not brought back, wherever only one can be", () => {
  const open = planned(primaryDead());
  assert.equal(titleOf(open, "promote"), "Promote the standby that has received most");
  assert.match(titleOf(open, "rejoin-pg3"), /should it not follow by itself/);
  const chosen = planned(primaryDead(), { node: "pg3" });
  assert.equal(titleOf(chosen, "promote"), "Promote pg3");
  assert.deepEqual(
    ids(chosen).filter((id) => id.startsWith("rejoin-")),
    ["rejoin-pg2", "rejoin-pg1"],
  );
});

test("the dead primary named as the node is no choice of a candidate", () => {
  assert.equal(parametersOf(planned(primaryDead(), { node: "pg1" }), "elect")?.chosen, undefined);
});

test("where no host is reachable the fence command serves, and the node is not brought back", () => {
  const { instance: _, ...noHost } = dead("pg1", { remembered: remembered("pg1"), hostProblem: "no route to host" });
  const plan = planned(
    facts(noHost, alive("pg2", "standby"), alive("pg3", "standby")),
    {},
    system({ fence: "ipmitool chassis power off" }),
  );
  assert.equal(ids(plan).includes("rejoin-pg1"), false);
});

test("with no standby left to wait for, writes go on and the risk says so", () => {
  const seen = facts(
    dead("pg1", { remembered: remembered("pg1", { synchronousStandbyNames: "pg2" }) }),
    alive("pg2", "standby"),
    dead("pg3"),
  );
  const plan = planned(seen);
  assert.deepEqual(parametersOf(plan, "set-synchronous")?.among, ["pg2"]);
  assert.match(plan.risk.statements.join(" "), /on 0 standby\(s\) instead of 1/);
});

test("clients that Blackstart cannot move are told to the person", () => {
  const plan = planned(primaryDead(), {}, system({ clients: { pgbouncer: "10.0.0.9" } }));
  assert.ok(ids(plan).includes("move-clients-by-hand"));
  assert.match(plan.risk.statements.join(" "), /PgBouncer \(10\.0\.0\.9\)/);
  assert.doesNotMatch(titleOf(plan, "verify-write"), /clients' own path/);
});

test("clients of which nothing is declared are no step, and the risk says that they are not moved", () => {
  const plan = planned(primaryDead(), {}, system({ clients: undefined }));
  assert.deepEqual(
    ids(plan).filter((id) => id.startsWith("move-clients")),
    [],
  );
  assert.match(plan.risk.statements.join(" "), /clients are not moved: .* does not say how they find the primary/);
  assert.match(titleOf(plan, "verify-write"), /to the primary itself/);
  assert.match(titleOf(planned(primaryDead()), "verify-write"), /clients' own path/);
});

test("what the standbys followed says more than an old memory", () => {
  const followsTwo = {
    settings: { ...alive("pg3", "standby").observation!.settings, primaryConninfo: "host=127.0.0.1 port=2" },
    receiver: null,
  };
  const seen = facts(
    dead("pg1", { remembered: remembered("pg1") }),
    dead("pg2", { remembered: remembered("pg2", { role: "primary", timelineId: 2, synchronousStandbyNames: "pg3" }) }),
    alive("pg3", "standby", followsTwo),
  );
  assert.equal(parametersOf(planned(seen), "fence")?.node, "pg2");
});

test("whom a standby followed may be a standby itself: the primary that is remembered is fenced", () => {
  const cascading = {
    settings: { ...alive("pg3", "standby").observation!.settings, primaryConninfo: "host=127.0.0.1 port=2" },
  };
  const seen = facts(
    dead("pg1", { remembered: remembered("pg1", { synchronousStandbyNames: "pg3" }) }),
    dead("pg2", { remembered: remembered("pg2", { role: "standby" }) }),
    alive("pg3", "standby", cascading),
  );
  assert.equal(parametersOf(planned(seen), "fence")?.node, "pg1");
});

test("a standby that was left behind by an earlier failover does not tell who the primary was", () => {
  const seen = facts(
    dead("pg1", { remembered: remembered("pg1", { role: "standby" }) }),
    dead("pg2", { remembered: remembered("pg2", { timelineId: 2 }) }),
    alive("pg3", "standby"),
  );
  assert.equal(parametersOf(planned(seen, { acceptLoss: true }), "fence")?.node, "pg2");
});

test("a promotion that was not seen is known from the newer timeline of whoever followed it", () => {
  const followsTwo = {
    timelineId: 2,
    receiver: null,
    settings: { ...alive("pg3", "standby").observation!.settings, primaryConninfo: "host=127.0.0.1 port=2" },
  };
  const seen = facts(
    dead("pg1", { remembered: remembered("pg1") }),
    dead("pg2", { remembered: remembered("pg2", { role: "standby" }) }),
    alive("pg3", "standby", followsTwo),
  );
  assert.equal(parametersOf(planned(seen, { acceptLoss: true }), "fence")?.node, "pg2");
});

test("what was accepted was said of the furthest standby: it has to be there still", () => {
  const plan = planned(primaryDead({ remembered: remembered("pg1", { synchronousStandbyNames: "" }) }), {
    acceptLoss: true,
  });
  assert.deepEqual(parametersOf(plan, "elect")?.needs, {
    line: { timelineId: 1, lsn: "0/3000100", ancestors: [] },
    received: "0/3000100",
    acceptLoss: true,
  });
});

test("everybody answers as a standby: the one with most is promoted, and nobody is fenced", () => {
  const unaimed = { ...alive("pg1", "standby").observation!.settings, primaryConninfo: "" };
  const seen = facts(
    alive("pg1", "standby", { lsn: "0/3000200", receiver: null, settings: unaimed }),
    alive("pg2", "standby"),
  );
  const plan = planned(seen);
  assert.deepEqual(ids(plan).slice(0, 2), ["elect", "set-synchronous"]);
  const needs = { line: { timelineId: 1, lsn: "0/3000200", ancestors: [] }, received: "0/3000200" };
  assert.deepEqual(parametersOf(plan, "elect")?.needs, needs);
});

type Refused = readonly [name: string, rule: string, seen: ClusterFacts, choice?: Partial<Choice>, declared?: System];

const silentHost = (): NodeFacts => {
  const { instance: _, ...node } = dead("pg1", {
    reach: "silent",
    remembered: remembered("pg1"),
    hostProblem: "no route",
  });
  return node;
};
/** Neither it nor its host can be asked. */
const lostFromSight = (): NodeFacts => {
  const { instance: _, ...node } = dead("pg3", { reach: "silent", problem: "pg3 did not answer in 3 s" });
  return node;
};
const asynchronous = { remembered: remembered("pg1", { synchronousStandbyNames: "" }) };

const refused: readonly Refused[] = [
  ["unreachable is not dead", "fence", facts(silentHost(), alive("pg2", "standby"), alive("pg3", "standby"))],
  ["a primary that takes writes", "primary-alive", facts(alive("pg1", "primary"), alive("pg2", "standby"))],
  ["two primaries", "one-primary", facts(alive("pg1", "primary"), alive("pg2", "primary"))],
  [
    "a primary that is alive and lets nobody in",
    "primary-alive",
    primaryDead({ reach: "denied", problem: "too many clients" }),
  ],
  ["a primary that is starting up by itself", "primary-starting", primaryDead({ reach: "starting" })],
  [
    "everybody answers as a standby, and follows a server that is not declared",
    "primary-unknown",
    facts(
      alive("pg2", "standby", {
        settings: { ...alive("pg2", "standby").observation!.settings, primaryConninfo: "host=10.9.9.9" },
        receiver: receiver({ senderHost: "10.9.9.9", senderPort: 5432 }),
      }),
    ),
  ],
  [
    "a third node that may take writes for all that is known, as the fence would refuse it",
    "unknown-writer",
    facts(dead("pg1", { remembered: remembered("pg1") }), alive("pg2", "standby"), lostFromSight()),
  ],
  [
    "the same, and a loss was accepted",
    "unknown-writer",
    facts(dead("pg1", asynchronous), alive("pg2", "standby"), lostFromSight()),
    { acceptLoss: true },
  ],
  ["no standby", "candidate", facts(dead("pg1", { remembered: remembered("pg1") }), dead("pg2"), dead("pg3"))],
  [
    "a chosen node that does not answer",
    "candidate",
    facts(dead("pg1", { remembered: remembered("pg1") }), alive("pg2", "standby"), dead("pg3")),
    { node: "pg3" },
  ],
  [
    "a primary nobody remembers",
    "primary-unknown",
    facts(
      dead("pg1"),
      alive("pg2", "standby", {
        settings: { ...alive("pg2", "standby").observation!.settings, primaryConninfo: "" },
        receiver: null,
      }),
    ),
  ],
  ["a cluster that something else manages", "one-manager", primaryDead(), {}, system({ manager: "patroni" })],
  [
    "PostgreSQL 12",
    "version",
    facts(dead("pg1", { remembered: remembered("pg1") }), alive("pg2", "standby", { version: 120_000 })),
  ],
  [
    "the synchronous standby is dead as well",
    "acknowledged-writes",
    facts(dead("pg1", { remembered: remembered("pg1") }), dead("pg2"), alive("pg3", "standby")),
  ],
  ["no standby was waited for", "acknowledged-writes", primaryDead(asynchronous)],
  [
    "it is not known who was waited for",
    "acknowledged-writes",
    facts(dead("pg1"), alive("pg2", "standby"), alive("pg3", "standby")),
  ],
  [
    "one of two equal members is missing, and one sufficed",
    "acknowledged-writes",
    facts(
      dead("pg1", { remembered: remembered("pg1", { synchronousStandbyNames: "ANY 1 (pg2, pg3)" }) }),
      dead("pg2"),
      alive("pg3", "standby"),
    ),
  ],
  [
    "a member that no node bears",
    "acknowledged-writes",
    primaryDead({ remembered: remembered("pg1", { synchronousStandbyNames: "pg2, backup" }) }),
  ],
  [
    "an undeclared standby under *",
    "acknowledged-writes",
    primaryDead({
      remembered: remembered("pg1", {
        synchronousStandbyNames: "*",
        standbys: [{ node: "receivewal", syncState: "sync" }],
      }),
    }),
  ],
  [
    "a standby that went on beyond the fork, on the timeline that the primary left",
    "branches",
    facts(
      dead("pg1", { remembered: remembered("pg1", { timelineId: 2 }) }),
      alive("pg2", "standby", { lsn: "0/3000100" }),
      dead("pg3"),
    ),
  ],
  [
    "synchronous_commit = off in its files, while it is remembered that a standby was waited for",
    "acknowledged-writes",
    primaryDead({ configured: { synchronousStandbyNames: "pg2", synchronousCommit: "off" } }),
  ],
  [
    "its files no longer name the standby that is remembered",
    "acknowledged-writes",
    primaryDead({ configured: { synchronousStandbyNames: "", synchronousCommit: "on" } }),
  ],
  [
    "* in its files, and nobody ever saw who streamed",
    "acknowledged-writes",
    facts(
      dead("pg1", { configured: { synchronousStandbyNames: "*", synchronousCommit: "on" } }),
      alive("pg2", "standby"),
      alive("pg3", "standby"),
    ),
  ],
  [
    "whom a standby followed may be a standby itself, and nobody ever saw the others",
    "primary-unknown",
    facts(
      dead("pg1"),
      dead("pg2"),
      alive("pg3", "standby", {
        settings: { ...alive("pg3", "standby").observation!.settings, primaryConninfo: "host=127.0.0.1 port=2" },
        receiver: null,
      }),
    ),
  ],
  [
    "synchronous_commit = local",
    "acknowledged-writes",
    facts(
      dead("pg1", { configured: { synchronousStandbyNames: "pg2", synchronousCommit: "local" } }),
      alive("pg2", "standby"),
      alive("pg3", "standby"),
    ),
  ],
];

for (const [name, rule, seen, choice, declared] of refused)
  test(`refused: ${name}`, () => {
    const made = planFailover(declared ?? system(), seen, { ...noChoice, ...choice });
    assert.ok(isRefusal(made), "a plan was made");
    assert.equal(made.rule, rule);
    assert.notEqual(made.provide, "");
  });

test("what may be lost can be accepted, and is stated", () => {
  const refusal = planFailover(system(), primaryDead(asynchronous), noChoice);
  assert.equal(isRefusal(refusal) && refusal.accept, "--accept-loss");
  const plan = planned(primaryDead({ ...asynchronous, writtenLsn: "0/3000180" }), { acceptLoss: true });
  assert.equal(plan.risk.lossBytes, 0x80);
  assert.equal(planned(primaryDead(asynchronous), { acceptLoss: true }).risk.lossBytes, null);
});

test("beside a node that may take writes no flag is offered: it would not lead on", () => {
  const made = planFailover(
    system(),
    facts(dead("pg1", asynchronous), alive("pg2", "standby"), lostFromSight()),
    noChoice,
  );
  assert.ok(isRefusal(made));
  assert.deepEqual([made.rule, made.accept], ["acknowledged-writes", undefined]);
});

test("an asynchronous primary whose log ends where a standby's does has lost nothing", () => {
  assert.equal(planned(primaryDead({ ...asynchronous, writtenLsn: "0/3000100" })).risk.lossBytes, 0);
});

test("two of three that must be waited for: one may be missing", () => {
  const names = { remembered: remembered("pg1", { synchronousStandbyNames: "ANY 2 (pg2, pg3)" }) };
  const seen = facts(dead("pg1", names), dead("pg2"), alive("pg3", "standby"));
  assert.deepEqual(parametersOf(planned(seen), "elect")?.needs, {
    line: { timelineId: 1, lsn: "0/3000000", ancestors: [] },
    complete: ["pg3"],
    of: ["pg3"],
    missingMax: 0,
  });
});

test("a primary that is starting for too long may be replaced on request", () => {
  const plan = planned(primaryDead({ reach: "starting" }), { evenIfStarting: true });
  // It starts again and again: only what the watch sees tells this outage from the next.
  const outage = parametersOf(plan, "fence")?.outage as Record<string, unknown>;
  assert.deepEqual([outage.state, outage.pid, outage.control], [null, null, null]);
});
