import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planRestart } from "../../src/mitigate/planners/restart.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { dead, facts, noChoice, remembered, system } from "./fixtures.ts";
import { assertWhole, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* No node answers. What runs is not ended by a plan that says that it starts something. */

type State = "down" | "running" | "stopped-processes" | "orphans";

function seen(node: string, role: "primary" | "standby", state: State, more: Partial<NodeFacts> = {}): NodeFacts {
  const standbySignal = role === "standby";
  const clusterState = standbySignal ? "in archive recovery" : "in production";
  const place = { timelineId: 1, clusterState };
  return dead(node, {
    ...(state === "down" ? {} : { reach: "silent" as const, problem: "no route to host" }),
    instance: state === "down" ? { state, pids: [], standbySignal } : { state, pids: [1], standbySignal },
    onDisk: { ...place, lsn: "0/3000000", ancestors: [], control: "a" },
    control: {
      ...place,
      systemIdentifier: "1",
      checkpointLsn: "0/3000000",
      redoLsn: "0/3000000",
      version: 150_000,
    },
    ...more,
  });
}

function unseen(node: string): NodeFacts {
  const { instance: _, ...rest } = dead(node, { reach: "silent", hostProblem: "ssh: no route to pg1" });
  return rest;
}

const waits = { reach: "starting", problem: "the database system is starting up" } as const;
const lockedOut = { reach: "denied", problem: "no pg_hba.conf entry", lockedOut: true } as const;

type Case = Readonly<{
  seen: ClusterFacts;
  named?: string;
  steps?: string;
  refused?: RegExp;
  says?: readonly RegExp[];
  /** What it must not say. */
  unsaid?: RegExp;
  needsPerson?: RegExp;
}>;

const cases: Readonly<Record<string, Case>> = {
  "only standbys are seen, and they run": {
    seen: facts(unseen("pg1"), seen("pg2", "standby", "running"), seen("pg3", "standby", "running")),
    refused: /pg2 runs as a standby.* pg3 runs as a standby.* pg1 cannot be seen: ssh: no route to pg1/,
  },
  "only standbys are seen, and one of them is down": {
    seen: facts(unseen("pg1"), seen("pg2", "standby", "running"), seen("pg3", "standby", "down")),
    steps: "start-pg3",
    says: [/pg1 cannot be seen/, /Whether pg1 takes writes is not known/, /pg2 runs.*left alone/],
  },
  "only standbys are seen, and all of them are down": {
    seen: facts(seen("pg1", "standby", "down"), seen("pg2", "standby", "down")),
    steps: "start-pg1 start-pg2",
    says: [/nothing can be written yet/],
  },
  "only standbys are seen, and one that runs is named": {
    seen: facts(unseen("pg1"), seen("pg2", "standby", "running"), seen("pg3", "standby", "down")),
    named: "pg2",
    steps: "stop-pg2! start-pg2",
    says: [/pg2 .*is killed/, /Commits that wait for it hang/],
  },
  "only standbys are seen, and one of them is halted": {
    seen: facts(unseen("pg1"), seen("pg2", "standby", "stopped-processes"), seen("pg3", "standby", "orphans")),
    steps: "stop-pg2! start-pg2 stop-pg3! start-pg3",
  },
  "one is named whose host cannot be asked": {
    seen: facts(unseen("pg1"), seen("pg2", "standby", "down"), seen("pg3", "standby", "down")),
    named: "pg1",
    refused: /^pg1 cannot be started from here: ssh: no route to pg1/,
  },
  "only a standby is seen, and refuses our login": {
    seen: facts(unseen("pg1"), seen("pg2", "standby", "running", lockedOut)),
    named: "pg2",
    refused: /^pg2 runs, and refuses our login/,
  },
  "the primary is down, and a standby runs": {
    seen: facts(seen("pg1", "primary", "down"), seen("pg2", "standby", "running"), seen("pg3", "standby", "down")),
    steps: "start-pg1 start-pg3 verify-write rejoin-pg3! verify",
    says: [/pg2 runs.*left alone/, /Whether a promotion of pg2 is pending cannot be seen/],
    needsPerson: /^pg2 does not answer/,
  },
  "the primary is down, and its standby waits for it": {
    seen: facts(seen("pg1", "primary", "down"), seen("pg2", "standby", "running", waits)),
    steps: "start-pg1 verify-write verify",
  },
  "the primary is down and named, and its standby refuses our login": {
    seen: facts(seen("pg1", "primary", "down"), seen("pg2", "standby", "running", lockedOut)),
    named: "pg1",
    steps: "start-pg1 verify-write verify",
  },
  "the primary is down, and its standby, which is named, waits for it": {
    seen: facts(seen("pg1", "primary", "down"), seen("pg2", "standby", "running", waits)),
    named: "pg2",
    steps: "start-pg1 verify-write verify",
  },
  "the primary is down, and a standby was killed while its promotion was pending": {
    seen: facts(
      seen("pg1", "primary", "down"),
      seen("pg2", "standby", "orphans", {
        instance: { state: "orphans", pids: [1], standbySignal: true, promoteSignal: true },
      }),
    ),
    steps: "start-pg1 stop-pg2! start-pg2 verify-write rejoin-pg2! verify",
  },
  "the primary runs, and what it holds cannot be read": {
    seen: facts(
      { ...seen("pg1", "primary", "running", { remembered: remembered("pg1") }), control: undefined },
      seen("pg2", "standby", "down"),
    ),
    steps: "start-pg2",
    unsaid: /are lost when its processes are killed/,
  },
  "the primary is on its way back": {
    seen: facts(seen("pg1", "primary", "running", waits), seen("pg2", "standby", "down")),
    refused: /^pg1 is alive/,
  },
  "the primary runs": {
    seen: facts(seen("pg1", "primary", "running"), seen("pg2", "standby", "running")),
    steps: "stop-pg1! start-pg1 verify-write verify",
    says: [/pg1 .*is killed/, /pg2 runs.*left alone/],
  },
  "the primary runs, and a standby is named": {
    seen: facts(seen("pg1", "primary", "running"), seen("pg2", "standby", "running"), seen("pg3", "standby", "down")),
    named: "pg3",
    steps: "start-pg3",
    says: [/pg1 is not marked as a standby.*left alone/, /Whether pg1 takes writes is not known/],
  },
};

for (const [name, one] of Object.entries(cases))
  test(`nothing answers, ${name}: ${one.steps ?? "refused"}`, () => {
    const choice = one.named === undefined ? noChoice : { ...noChoice, node: one.named };
    const made = planRestart(system(), one.seen, choice);
    if (isRefusal(made)) return assert.match(made.missing, one.refused ?? /^$/);
    assert.equal(made.steps.map(({ id, destructive }) => `${id}${destructive ? "!" : ""}`).join(" "), one.steps);
    const said = [...made.because, ...made.risk.statements].join("\n");
    for (const text of one.says ?? []) assert.match(said, text);
    if (one.unsaid !== undefined) assert.doesNotMatch(said, one.unsaid);
    if (one.needsPerson !== undefined) assert.match(made.needsPerson ?? "", one.needsPerson);
  });

async function postmasterOf(world: World, node: string): Promise<number | undefined> {
  return (await (await world.fleet.instance("ledger", node))?.inspect())?.postmasterPid;
}

/** It runs, and lets nobody in. */
const closings = {
  "hot_standby is off": (directory: string) =>
    appendFileSync(join(directory, "postgresql.auto.conf"), "hot_standby = off\n"),
  "its pg_hba.conf refuses us": (directory: string) => {
    const file = join(directory, "pg_hba.conf");
    writeFileSync(file, `host all all all reject\n${readFileSync(file, "utf8")}`);
  },
};

async function startClosed(world: World, node: string, close: (directory: string) => void): Promise<number> {
  const instance = await world.fleet.instance("ledger", node);
  assert.ok(instance);
  if ((await postmasterOf(world, node)) !== undefined) await instance.stop("fast", 10_000);
  close(world.lab.node(node).dataDirectory);
  // One whose pg_hba.conf refuses us has started all the same.
  await instance.start(60_000);
  const postmaster = await postmasterOf(world, node);
  assert.ok(postmaster);
  return postmaster;
}

for (const [name, close] of Object.entries(closings))
  test(`the primary has crashed, and its only standby waits for it (${name}): it is started, and that one left alone`, () =>
    withWorld({ standbys: ["asynchronous"] }, async (world) => {
      const before = await startClosed(world, "pg2", close);
      await signal(world, "pg1", "SIGKILL");
      let plan: Plan | undefined;
      await until("pg1 is seen dead", async () => {
        const made = await world.plan("restart", "ledger/pg1");
        if (!isRefusal(made)) plan = made;
        return !isRefusal(made);
      });
      assert.ok(plan);
      await world.executor.store(plan, "person:test");
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await assertWhole(world), "pg1");
      assert.equal(await postmasterOf(world, "pg2"), before);
    }));

test("a standby that was started since the plan was made, and lets us not in, is not killed", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    await Promise.all(["pg1", "pg2"].map((node) => signal(world, node, "SIGKILL")));
    await until("nothing answers", async () => !isRefusal(await world.plan("restart", "ledger")));
    const plan = await world.plan("restart", "ledger");
    if (isRefusal(plan)) assert.fail(plan.missing);
    const before = await startClosed(world, "pg2", closings["its pg_hba.conf refuses us"]);
    await world.executor.store(plan, "person:test");
    await world.executor.run(plan.id, "person:test", "person");
    assert.equal(await onlyPrimary(world), "pg1");
    assert.equal(await postmasterOf(world, "pg2"), before);
  }));
