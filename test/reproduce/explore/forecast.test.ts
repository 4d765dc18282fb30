import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cibAfterWords } from "../../../src/drivers/pacemaker/shell-words.ts";
import { withFolder } from "../../support/folder.ts";
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
    assert.deepEqual(await foreseen(works, [dies], [dies, dies]), ["works", "unknown"]);
    // It may have been without a primary for long.
    assert.deepEqual(await foreseen(works, [{ ...dies, on: "pg2" }, dies, back]), ["unknown"]);
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
      { fault: "kill", on: "one-standby" },
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
      "unknown",
      "unknown",
    ]);
  });

  it("does not take a dead primary that nobody may touch for one that works", { skip: withoutShell }, async () => {
    const untouched = [
      { manage: "configure property maintenance-mode=true" },
      { manage: "resource unmanage msPostgresql" },
    ];
    for (const before of untouched)
      assert.notEqual((await foreseen(works, [before, { fault: "kill-primary" }]))[0], "works");
  });
});

describe("what is said to Pacemaker on paper", { skip: withoutShell }, () => {
  it("is only what changes a CIB, and nothing that sh would make of it", () =>
    withFolder(async (folder) => {
      const touched = join(folder, "touched");
      const words = [
        "cluster stop pg1",
        "corosync set totem.token 1",
        "node standby pg1",
        `configure show $(touch ${touched})`,
        `configure delete x; touch ${touched}`,
        `configure delete x\ntouch ${touched}`,
        `configure load replace /etc/passwd`,
        "cibadmin --upgrade --force",
        "crm_resource --wait",
        `'crm' -F configure delete x`,
      ];
      for (const said of words) assert.equal(await cibAfterWords(works, said), undefined, said);
      assert.equal(existsSync(touched), false);
      const xml = '<rsc_colocation id="vip-with-master" score="7" rsc="PostgresqlVIP" with-rsc="msPostgresql"/>';
      const replaced = await cibAfterWords(works, `cibadmin --replace --scope constraints --xml-text '${xml}'`);
      assert.match(replaced ?? "", /score="7"/);
    }));
});
