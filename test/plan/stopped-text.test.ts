import assert from "node:assert/strict";
import { test } from "node:test";
import { leadsOn, progressText } from "../../src/plan/stopped-text.ts";
import { planOf, step } from "./effects.ts";

const back = "blackstart mitigate unfence ledger/alpha";
const steps = [
  step("fence", { destructive: true, takenBackBy: back }),
  step("elect"),
  step("promote", { destructive: true }),
  step("follow"),
];
const failover = { ...planOf("p", steps), kind: "failover" };

for (const [title, touched, again, undone] of [
  ["nothing was touched", [], true, false],
  ["fenced, nobody promoted", ["fence", "elect"], true, true],
  ["somebody may be promoted", ["fence", "elect", "promote"], false, false],
] as const)
  test(`what leads on from a plan that was stopped: ${title}`, () => {
    const text = leadsOn(failover, new Set(touched));
    assert.match(text, /has ended.*`blackstart status`/);
    assert.deepEqual(
      [text.includes("`blackstart mitigate failover ledger`"), text.includes(`\`${back}\``)],
      [again, undone],
    );
  });

test("every step is named once, by its title: done, stopped in, or not begun", () => {
  const at = steps[2] as (typeof steps)[number];
  const done = new Set(["fence", "elect"]);
  const [fence, elect, promote, follow] = steps.map(({ title }) => `“${title}”`);
  assert.equal(progressText(steps, at, false, done), `Done: ${fence}, ${elect}. Not begun: ${promote}, ${follow}.`);
  assert.equal(
    progressText(steps, at, true, done),
    `Done: ${fence}, ${elect}. It stopped in ${promote}. Not begun: ${follow}.`,
  );
});

test("of many steps that were not begun the first is named, and the others are counted", () => {
  const many = ["a", "b", "c", "d", "e"].map((id) => step(id));
  const text = progressText(many, many[1] as (typeof many)[number], false, new Set(["a"]));
  assert.equal(text, "Done: “Write the line of a”. Not begun: “Write the line of b” and the 3 steps after it.");
});
