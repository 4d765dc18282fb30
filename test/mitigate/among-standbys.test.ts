import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, ancestorsOf, dead, facts, noChoice, receiver, remembered, system } from "./fixtures.ts";

/* The failed primary answers as a standby, and pg3 does not answer: it may have been promoted while nobody looked. */

const standby = { receiver: null, settings: { ...alive("pg2", "standby").observation?.settings, primaryConninfo: "" } };
const onDisk = (timelineId: number): Partial<NodeFacts> => ({
  onDisk: {
    timelineId,
    lsn: "0/3000000",
    ancestors: ancestorsOf(timelineId),
    control: "a",
    clusterState: "in production",
  },
});

for (const [name, files, isPlanned] of [
  ["it wrote on no line of its own", onDisk(1), true],
  ["its files show that it was", onDisk(2), false],
] as const)
  test(`${isPlanned ? "one of the others is promoted" : "nobody is promoted"}: ${name}`, () => {
    const made = planFailover(
      system(),
      facts(
        { ...alive("pg1", "standby", standby as object), remembered: remembered("pg1") },
        { ...alive("pg2", "standby", standby as object), remembered: remembered("pg2", { role: "standby" }) },
        dead("pg3", { remembered: remembered("pg3", { role: "standby" }), ...files }),
      ),
      noChoice,
    );
    assert.equal(!isRefusal(made), isPlanned, isRefusal(made) ? made.missing : undefined);
  });

/* Nothing is remembered: no watch ran while all was well. */

const aimedAt = (port: number | undefined, isStreaming = false): object => ({
  receiver: isStreaming ? receiver({ senderPort: port ?? 1 }) : null,
  settings: {
    ...alive("pg2", "standby").observation?.settings,
    primaryConninfo: port === undefined ? "" : `host=127.0.0.1 port=${port}`,
  },
});

type Case = Readonly<{ pg1: object; pg2: object; pg3: NodeFacts; inPlans?: string; refused?: RegExp; next?: RegExp }>;

const pg3 = alive("pg3", "standby", aimedAt(1));

const cases: Readonly<Record<string, Case>> = {
  "nobody is aimed at anything": { pg1: aimedAt(undefined), pg2: aimedAt(undefined), pg3 },
  "one is aimed at itself": { pg1: aimedAt(1), pg2: aimedAt(1), pg3 },
  "one is aimed at itself, and says that it streams": { pg1: aimedAt(1), pg2: aimedAt(2, true), pg3 },
  "one is aimed at a server that is not declared": {
    pg1: aimedAt(undefined),
    pg2: aimedAt(99),
    pg3,
    refused: /^pg2 is set to stream from 127\.0\.0\.1:99, which the system file does not declare/,
    next: /declare it as a node.*alter system set primary_conninfo = ''/,
  },
  "one is aimed at a server that is not declared, and a plan has fenced the primary": {
    pg1: aimedAt(undefined),
    pg2: aimedAt(99),
    pg3,
    inPlans: "pg1",
  },
  "one streams from a server that is not declared, whatever plans have fenced": {
    pg1: aimedAt(undefined),
    pg2: aimedAt(99, true),
    pg3,
    inPlans: "pg1",
    refused: /^pg2 streams from 127\.0\.0\.1:99/,
  },
  "one does not answer": {
    pg1: aimedAt(undefined),
    pg2: aimedAt(undefined),
    pg3: dead("pg3"),
    refused: /^It is not known which node was the primary: .* pg3 does not answer, and may be it\.$/,
    next: /`blackstart mitigate restart ledger\/pg3`/,
  },
  "one does not answer, and a plan has fenced another": {
    pg1: aimedAt(undefined),
    pg2: aimedAt(undefined),
    pg3: dead("pg3"),
    inPlans: "pg1",
    refused: /^pg1 was the primary, and answers as a standby now\. pg3 does not answer, and may be it since\.$/,
  },
  "one does not answer, its files show no line of its own, and a plan has fenced another": {
    pg1: aimedAt(undefined),
    pg2: aimedAt(undefined),
    pg3: dead("pg3", onDisk(1)),
    inPlans: "pg1",
  },
};

for (const [name, one] of Object.entries(cases))
  test(`nothing is remembered, and ${name}: ${one.refused === undefined ? "one is promoted" : "refused"}`, () => {
    const all = facts(alive("pg1", "standby", one.pg1), alive("pg2", "standby", one.pg2), one.pg3);
    const inPlans = one.inPlans === undefined ? {} : { primaryInPlans: one.inPlans };
    const made = planFailover(system(), { ...all, ...inPlans }, noChoice);
    assert.equal(isRefusal(made), one.refused !== undefined, isRefusal(made) ? made.missing : undefined);
    if (!isRefusal(made)) return assert.ok(!made.steps.some(({ kind }) => kind === "postgres.fence"));
    assert.match(made.missing, one.refused as RegExp);
    assert.match(made.provide, one.next ?? /./);
  });

test("nothing is remembered, and nobody follows any more: a plan that was stopped knows whom to fence", () => {
  const all = facts(
    dead("pg1"),
    alive("pg2", "standby", aimedAt(undefined)),
    alive("pg3", "standby", aimedAt(undefined)),
  );
  const made = planFailover(system(), { ...all, primaryInPlans: "pg1" }, { ...noChoice, acceptLoss: true });
  assert.ok(!isRefusal(made), isRefusal(made) ? made.missing : undefined);
  assert.equal(made.steps[0]?.parameters.node, "pg1");
});

test("the promise is that of the last primary, not what a stopped plan has left on the standby that holds most", () => {
  const named = (one: object, synchronousStandbyNames: string, lsn: string): object => {
    const { settings, ...rest } = one as { settings: object };
    return { ...rest, lsn, settings: { ...settings, synchronousStandbyNames } };
  };
  const made = planFailover(
    system(),
    facts(
      alive("pg1", "standby", named(aimedAt(undefined), "ANY 1 (pg2, pg3)", "0/3000000")),
      alive("pg2", "standby", named(aimedAt(1), "ANY 1 (pg3)", "0/3000100")),
      alive("pg3", "standby", named(aimedAt(1), "", "0/3000000")),
    ),
    noChoice,
  );
  assert.ok(!isRefusal(made), isRefusal(made) ? made.missing : undefined);
  const set = made.steps.find(({ id }) => id === "set-synchronous")?.parameters;
  assert.deepEqual([set?.method, set?.names, set?.old], ["any", ["pg2", "pg3"], "pg1"]);
});
