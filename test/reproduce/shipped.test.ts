import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { allFactors, trialSpec } from "../../src/reproduce/scenario/configuration.ts";
import { loadScenario } from "../../src/reproduce/scenario/load.ts";
import { reproducedOnce, scenarios as folder } from "./once.ts";

const shipped = globSync("*.yaml", { cwd: folder }).filter((file) => !file.endsWith(".minimal.yaml"));

describe("the scenarios that are shipped", () => {
  for (const file of shipped)
    it(`${file} is one, and tells its story`, async () => {
      const scenario = await loadScenario(join(folder, file));
      assert.equal(`${scenario.scenario}.yaml`, basename(file));
      assert.ok((scenario.about ?? "").length > 100);
      // Those who suspected them said why.
      assert.deepEqual(
        scenario.factors.filter(({ about, id }) => about === undefined && id !== "crash").map(({ id }) => id),
        [],
      );
      assert.ok(trialSpec(scenario, allFactors(scenario)).actions.length > 0);
    });

  // The others have files of their own, take minutes, need what is not everywhere, or show their symptom only sometimes.
  for (const name of ["corrupted-table", "damaged-archive"])
    it(`${name} is reproduced with one command`, () => reproducedOnce(name));
});
