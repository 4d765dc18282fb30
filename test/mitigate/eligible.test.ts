import assert from "node:assert/strict";
import { test } from "node:test";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { planSwitchover } from "../../src/mitigate/planners/switchover.ts";
import type { PlanDraft } from "../../src/mitigate/planning.ts";
import { isRefusal, type Refusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

/* Who may become the primary, by the system file and by how late it replays. */

const node = (number: number, more = {}) => ({ url: `postgres://b@127.0.0.1:${number}/x`, host: "local:", ...more });
const declared = (pg2 = {}, pg3 = {}) => system({ nodes: { pg1: node(1), pg2: node(2, pg2), pg3: node(3, pg3) } });
const never = { promote: "never" };
const gone = (synchronousStandbyNames: string) =>
  dead("pg1", { remembered: remembered("pg1", { synchronousStandbyNames }) });
const late = { receiver: null, applyDelayMs: 3_600_000, replayedLsn: "0/2000000" };

function planned(made: PlanDraft | Refusal): PlanDraft {
  if (isRefusal(made)) assert.fail(`refused (${made.rule}): ${made.missing}`);
  return made;
}

const parameters = (plan: PlanDraft, id: string) => plan.steps.find((step) => step.id === id)?.parameters;

test("promote: never is not elected, and follows", () => {
  const seen = facts(gone("ANY 1 (pg2, pg3)"), alive("pg2", "standby"), alive("pg3", "standby", { lsn: "0/3000000" }));
  const accepted = { ...noChoice, acceptLoss: true };
  const plan = planned(planFailover(declared(never), seen, accepted));
  assert.deepEqual(parameters(plan, "elect")?.candidates, ["pg3"]);
  assert.deepEqual(parameters(plan, "follow")?.nodes, ["pg3", "pg2"]);
  assert.deepEqual(parameters(plan, "set-synchronous")?.among, ["pg3", "pg2"]);
});

const refused: readonly (readonly [string, string, PlanDraft | Refusal])[] = [
  [
    "a member that is not to be promoted may hold what no other has",
    "acknowledged-writes",
    planFailover(declared(never), facts(gone("pg2"), alive("pg2", "standby"), alive("pg3", "standby")), noChoice),
  ],
  [
    "nobody else is there",
    "candidate",
    planFailover(declared(never), facts(gone("pg2"), alive("pg2", "standby"), dead("pg3")), noChoice),
  ],
  [
    "asked for by name",
    "candidate",
    planFailover(declared(never), facts(gone("pg3"), alive("pg2", "standby"), alive("pg3", "standby")), {
      ...noChoice,
      node: "pg2",
    }),
  ],
  [
    "a switchover to it",
    "candidate",
    planSwitchover(declared(never), facts(alive("pg1", "primary"), alive("pg2", "standby"), alive("pg3", "standby")), {
      ...noChoice,
      node: "pg2",
    }),
  ],
];

for (const [what, rule, made] of refused)
  test(`promote: never: ${what}`, () => assert.equal(isRefusal(made) ? made.rule : "a plan was made", rule));

test("a delayed standby is the last choice, also where it has received more", () => {
  const seen = facts(gone("pg3"), alive("pg2", "standby", { ...late, lsn: "0/3000100" }), alive("pg3", "standby"));
  const plan = planned(planFailover(declared(), seen, noChoice));
  assert.deepEqual(parameters(plan, "elect")?.candidates, ["pg3"]);
  assert.doesNotMatch(plan.risk.statements.join(" "), /recovery_min_apply_delay/);
});

test("a delayed standby is synchronous, and another has as much: nothing can be lost, and the other is taken", () => {
  const seen = facts(gone("pg2"), alive("pg2", "standby", late), alive("pg3", "standby"));
  const plan = planned(planFailover(declared(), seen, noChoice));
  assert.equal(plan.risk.lossBytes, 0);
  assert.deepEqual(parameters(plan, "elect")?.candidates, ["pg3", "pg2"]);
});

test("where it alone has what was acknowledged it is taken, and the risk says how late it is", () => {
  const seen = facts(gone("pg2"), alive("pg2", "standby", { ...late, lsn: "0/3000100" }), alive("pg3", "standby"));
  const plan = planned(planFailover(declared(), seen, noChoice));
  assert.deepEqual(parameters(plan, "elect")?.candidates, ["pg2", "pg3"]);
  assert.match(plan.risk.statements.join(" "), /pg2 replays 3600 s late .*16777472 bytes/);
});

test("the plan shows what becomes of the promise", () => {
  const seen = facts(gone("ANY 1 (pg2, pg3)"), alive("pg2", "standby"), alive("pg3", "standby"));
  assert.match(
    planned(planFailover(declared(), seen, noChoice)).risk.statements.join(" "),
    /With pg2 as the primary, synchronous_standby_names: 'ANY 1 \("pg2", "pg3"\)' → 'ANY 1 \("pg1", "pg3"\)'/,
  );
});
