import assert from "node:assert/strict";
import { test } from "node:test";
import { mayRunAlone, type Try } from "../../src/mitigate/policy.ts";
import type { Plan, Step } from "../../src/plan/plan.ts";
import { step } from "../plan/effects.ts";
import { planOf } from "../plan/effects.ts";

/* What runs without a person, by the table. */

type Case = Readonly<{
  kind: string;
  auto?: readonly string[];
  plan?: Partial<Plan>;
  steps?: readonly string[];
  tries?: readonly Try[];
}>;

const tried = (...causes: string[]): Try => ({ plan: "rejoin-1", outcome: "done", causes });
const risk = { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 0, statements: [] };

const runs: Readonly<Record<string, Case>> = {
  "a failover": {
    kind: "failover",
    auto: ["failover"],
    steps: ["postgres.fence", "postgres.promote", "postgres.rejoin"],
  },
  "the clients' way": { kind: "move-clients", auto: ["failover"] },
  "a restart": { kind: "restart", auto: ["restart"], steps: ["postgres.start"] },
  "a rejoin": { kind: "rejoin", auto: ["rejoin"], steps: ["postgres.rejoin"] },
  "a restart that rejoins, where both are allowed": {
    kind: "restart",
    auto: ["restart", "rejoin"],
    steps: ["postgres.start", "postgres.rejoin"],
  },
  "a rejoin that was tried for another cause": { kind: "rejoin", auto: ["rejoin"], tries: [tried("node.down")] },
  "a failover that stopped twice": { kind: "failover", auto: ["failover"], tries: [tried("cause"), tried("cause")] },
};

const waits: Readonly<Record<string, Case & { why: RegExp; silently?: true }>> = {
  "a failover by default": { kind: "failover", why: /only proposed/, silently: true },
  "a rejoin where only restarts are allowed": {
    kind: "rejoin",
    auto: ["restart"],
    why: /only proposed/,
    silently: true,
  },
  "a restart where only rejoins are allowed": {
    kind: "restart",
    auto: ["rejoin"],
    why: /only proposed/,
    silently: true,
  },
  "a demotion, whatever is allowed": {
    kind: "demote",
    auto: ["failover", "restart", "rejoin"],
    why: /only proposed/,
    silently: true,
  },
  "a switchover, whatever is allowed": { kind: "switchover", auto: ["failover"], why: /only proposed/, silently: true },
  "a restart that would rejoin as well": {
    kind: "restart",
    auto: ["restart"],
    steps: ["postgres.start", "postgres.rejoin"],
    why: /contains a rejoin/,
  },
  "what could lose writes": {
    kind: "failover",
    auto: ["failover"],
    plan: { risk: { ...risk, lossBytes: 1 } },
    why: /could be lost/,
  },
  "what could lose an unknown number of them": {
    kind: "failover",
    auto: ["failover"],
    plan: { risk: { ...risk, lossBytes: null } },
    why: /could be lost/,
  },
  "what moves clients by hand": { kind: "failover", auto: ["failover"], steps: ["clients.by-hand"], why: /by hand/ },
  "what stops a server that serves": {
    kind: "rejoin",
    auto: ["rejoin"],
    plan: { needsPerson: "pg3 answers" },
    why: /pg3 answers/,
  },
  "a rejoin that was tried for this cause": {
    kind: "rejoin",
    auto: ["rejoin"],
    tries: [tried("other", "cause")],
    why: /tried once .*rejoin-1: done/,
  },
  "a restart that was tried for this cause": {
    kind: "restart",
    auto: ["restart"],
    tries: [tried("cause")],
    why: /once/,
  },
  "a failover that stopped three times": {
    kind: "failover",
    auto: ["failover"],
    tries: [tried("cause"), tried("cause"), tried("other")],
    why: /tried 3 times/,
  },
};

function decide({ kind, auto = [], plan = {}, steps = [], tries = [] }: Case) {
  const policy = (name: string) => (auto.includes(name) ? "auto" : "propose");
  const policies = { failover: policy("failover"), restart: policy("restart"), rejoin: policy("rejoin") } as const;
  const all: readonly Step[] = steps.map((one, at) => step(`s${at}`, { kind: one }));
  return mayRunAlone(policies, { ...planOf("p", all), kind, ...plan }, ["cause"], tries);
}

for (const [what, given] of Object.entries(runs))
  test(`runs without a person: ${what}`, () => assert.deepEqual(decide(given), { runs: true }));

for (const [what, given] of Object.entries(waits))
  test(`waits for a person: ${what}`, () => {
    const alone = decide(given);
    assert.ok(!alone.runs);
    assert.match(alone.why, given.why);
    assert.equal(alone.surprises, given.silently !== true);
  });
