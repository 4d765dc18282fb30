import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { type Forecast, openForecast } from "../../../src/reproduce/explore/forecast.ts";
import { trialSpec } from "../../../src/reproduce/scenario/configuration.ts";
import { parseScenario } from "../../../src/reproduce/scenario/load.ts";
import type { Action } from "../../../src/reproduce/scenario/schema.ts";
import { outageOf2017 } from "./cibs.ts";
import { withoutScheduler, withScheduler } from "./searching.ts";

const withoutShell =
  spawnSync("sh", ["-c", "command -v crm"]).status === 0 ? withoutScheduler : "crm is not installed (crmsh)";

const fails = outageOf2017({ direction: "D2", score: "-INFINITY", stickiness: 100 });
const works = outageOf2017({ direction: "D1", score: "-INFINITY", stickiness: 100 });

/** What the scheduler makes of each of these stories, told as a scenario tells them. */
async function foreseen(
  cib: string,
  ...stories: readonly (readonly Partial<Action>[])[]
): Promise<readonly Forecast[]> {
  return withScheduler(async (crm) => {
    const foresee = await openForecast(crm, cib, new AbortController().signal);
    const forecasts: Forecast[] = [];
    for (const story of stories) forecasts.push(await foresee(actionsOf(story)));
    return forecasts;
  });
}

function actionsOf(story: readonly Partial<Action>[]): readonly Action[] {
  const factors = story.map((action, index) => ({ id: `f${index}`, ...action }));
  const text = JSON.stringify({ scenario: "told", factors, symptom: { "no-write-for": "30s" } });
  const scenario = parseScenario(text, { path: "told" });
  return trialSpec(
    scenario,
    factors.map(({ id }) => id),
  ).actions;
}

describe("what is foreseen of a trial", { skip: withoutScheduler }, () => {
  const dies = { fault: "power-off" };

  it("follows nodes that go and come back", async () => {
    const back = { heal: "power-off" };
    assert.deepEqual(await foreseen(fails, [dies], [dies, back], [{ ...dies, on: "pg3" }], [{ ...dies, on: "pg2" }]), [
      "down",
      "down",
      "works",
      "works",
    ]);
    // With one node left the backup address has nowhere to be, so not everything works.
    assert.deepEqual(await foreseen(works, [dies], [dies, dies], [dies, dies, back]), ["works", "unknown", "works"]);
  });

  it("follows servers that die, by their role", async () => {
    const stories = ["primary.all", "sync.postmaster", "async.all", "pg1"].map((on) => [{ fault: "kill", on }]);
    assert.deepEqual(await foreseen(fails, ...stories), ["down", "works", "works", "down"]);
    assert.deepEqual(await foreseen(works, ...stories), ["works", "works", "works", "works"]);
  });

  it("does not say what depends on the moment", async () => {
    const crash = { fault: "abort", on: "primary.checkpointer" };
    assert.deepEqual(await foreseen(fails, [crash]), ["unknown"]);
    assert.deepEqual(await foreseen(works, [crash]), ["works"]);
  });

  it("does not say what the scheduler is not asked about", async () => {
    const stories: Partial<Action>[] = [
      { sql: "select 1" },
      { command: "true" },
      { fault: "stop", on: "primary.all" },
      { fault: "kill", on: "nowhere" },
      { fault: "wal-damage" },
      { promote: "furthest" },
    ];
    for (const story of stories) assert.deepEqual(await foreseen(works, [story]), ["unknown"]);
    assert.deepEqual(await foreseen(works, [{ archive: true }, dies]), ["works"]);
  });

  it("follows what is said to the manager", { skip: withoutShell }, async () => {
    const without = { manage: "configure delete backup-vip-not-with-master" };
    const moved = { manage: "resource move PostgresqlBackupVIP pg3\nresource clear PostgresqlBackupVIP" };
    const refused = { manage: "configure colocation nonsense" };
    assert.deepEqual(await foreseen(fails, [without, dies], [moved, dies], [dies, without], [refused, dies]), [
      "works",
      "works",
      "works",
      "unknown",
    ]);
  });
});
