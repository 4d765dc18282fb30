import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Instance } from "../../src/drivers/postgres/instance.ts";
import { type Outage, outageOf } from "../../src/mitigate/outage.ts";
import { type StopPlanned, type StopSeen, stopVerdict } from "../../src/mitigate/stop-safety.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { cutBetween, executorBehind } from "./cut.ts";
import { signal, until } from "./servers.ts";
import { remember, type World, withWorld } from "./world.ts";

/* A server that was down or hung when a restart was planned, and is not as it was when that is carried out. */

const none: Outage = outageOf({});
const runs = { ...none, state: "runs", pid: 7, startedAtMs: 1000, seenAt: 1 } as const;
const hung: StopPlanned = { startedAt: null, reach: "silent", state: "running", outage: runs };
const down: StopPlanned = { ...hung, reach: "closed", state: "down", outage: { ...none, state: "down", seenAt: 1 } };
const silent = { kind: "silent", detail: "timeout" } as const;
const full = { kind: "refused", detail: "too many clients", sqlstate: "53300" } as const;
const starting = { kind: "starting", detail: "the database system is starting up", sqlstate: "57P03" } as const;
const now: StopSeen = { answer: silent, state: "running", outage: runs };

const cases: readonly (readonly [name: string, planned: StopPlanned, now: StopSeen, expected: string])[] = [
  ["it hangs still", hung, now, "end"],
  ["it hung, and answers", hung, { ...now, answer: "2026" }, "leave"],
  ["it hung, and is another", hung, { ...now, outage: { ...runs, pid: 8 } }, "leave"],
  ["it hung, and is another in a container", hung, { ...now, outage: { ...runs, startedAtMs: 9000 } }, "leave"],
  ["it hung, and was seen at work since", hung, { ...now, outage: { ...runs, seenAt: 2 } }, "refuse"],
  ["it hung, and has no room for us", hung, { ...now, answer: full }, "refuse"],
  ["it hung, and recovers", hung, { ...now, answer: starting }, "refuse"],
  ["it recovered then as now", { ...hung, reach: "starting" }, { ...now, answer: starting }, "end"],
  ["it had no room for us then as now", { ...hung, reach: "denied" }, { ...now, answer: full }, "end"],
  ["it was halted, and goes on", { ...hung, state: "stopped-processes" }, now, "refuse"],
  ["it is halted still", { ...hung, state: "stopped-processes" }, { ...now, state: "stopped-processes" }, "end"],
  [
    "orphans were left, and are",
    { ...hung, state: "orphans", outage: { ...runs, pid: null } },
    { ...now, state: "orphans", outage: { ...runs, pid: null } },
    "end",
  ],
  [
    "orphans were left, and it was started",
    { ...hung, state: "orphans", outage: { ...runs, pid: null } },
    now,
    "leave",
  ],
  ["it was down, and is silent", down, now, "leave"],
  ["it was down, and recovers", down, { ...now, answer: starting }, "leave"],
  ["it was down, and has no room for us", down, { ...now, answer: full }, "leave"],
  ["it answered, and does", { ...hung, startedAt: "2026", reach: "answers" }, { ...now, answer: "2026" }, "end"],
  [
    "it answered, and is another",
    { ...hung, startedAt: "2026", reach: "answers" },
    { ...now, answer: "2027" },
    "leave",
  ],
  [
    "it answered, and hangs",
    { ...hung, startedAt: "2026", reach: "answers" },
    { ...now, outage: { ...runs, seenAt: 2 } },
    "end",
  ],
  [
    "it answered, and another hangs",
    { ...hung, startedAt: "2026", reach: "answers" },
    { ...now, outage: { ...runs, pid: 8 } },
    "leave",
  ],
];

for (const [name, planned, seen, expected] of cases)
  test(`the end of a server that runs: ${name}: ${expected}`, () => {
    assert.equal(stopVerdict(planned, seen).kind, expected);
  });

type Case = Readonly<{
  /** What is done to pg1 before the plan is made, and after. */
  before: (world: World, pg1: Instance) => Promise<void>;
  after: (world: World, pg1: Instance) => Promise<void>;
}>;

async function killed(world: World, pg1: Instance): Promise<void> {
  await signal(world, "pg1", "SIGKILL");
  await until("pg1 is down", async () => (await pg1.inspect()).state === "down");
}

/** It serves others, and lets us not in. */
async function startedClosed(world: World, pg1: Instance): Promise<void> {
  const file = join(world.lab.node("pg1").dataDirectory, "pg_hba.conf");
  writeFileSync(file, `host all blackstart all reject\n${readFileSync(file, "utf8")}`);
  await pg1.start(60_000);
}

const real: Readonly<Record<string, Case>> = {
  "it was down, and somebody has started it": { before: killed, after: startedClosed },
  "it hung, and somebody has started it anew": {
    before: (world) => signal(world, "pg1", "SIGSTOP"),
    async after(world, pg1) {
      await killed(world, pg1);
      await startedClosed(world, pg1);
    },
  },
};

for (const [name, { before, after }] of Object.entries(real))
  test(`${name}, and it lets us not in: it is not killed`, () =>
    withWorld({ standbys: ["asynchronous"] }, async (world) => {
      const pg1 = await world.fleet.instance("ledger", "pg1");
      assert.ok(pg1);
      await before(world, pg1);
      const plan = await planned(world);
      await after(world, pg1);
      const postmaster = (await pg1.inspect()).postmasterPid;
      assert.ok(postmaster);
      await world.executor.run(plan.id, "person:test", "person");
      assert.equal((await pg1.inspect()).postmasterPid, postmaster, "it was killed");
    }));

test("it hung, serves again, and cannot be asked for a moment when the plan is resumed: it is not killed", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const pg1 = await world.fleet.instance("ledger", "pg1");
    assert.ok(pg1);
    await signal(world, "pg1", "SIGSTOP");
    const plan = await planned(world);
    await signal(world, "pg1", "SIGCONT");
    await remember(world, ["pg1"]);
    const { postmasterPid } = await pg1.inspect();
    const cut = cutBetween();
    cut.servers.add("pg1");
    const result = await executorBehind(world, cut).run(plan.id, "person:test", "person");
    assert.match(result.state, /pg1 is not as it was when this plan was made: it was seen at work since/);
    assert.equal((await pg1.inspect()).postmasterPid, postmasterPid, "it was killed");
  }));

async function planned(world: World): Promise<Plan> {
  const plan = await world.plan("restart", "ledger/pg1");
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}
