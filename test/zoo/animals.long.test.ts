import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { versionFor, withAnimal } from "./open.ts";
import { recipes } from "./recipes.ts";

/* What nothing is wrong with is not called critical, whoever made it. */
describe("the zoo, on a quiet day", { concurrency: 2 }, () => {
  for (const recipe of recipes.filter(({ isTroubled, strays }) => !isTroubled && strays === undefined)) {
    test(`${recipe.name}: ${recipe.about}`, { skip: recipe.skip || versionFor(recipe).skip }, () =>
      withAnimal(recipe, async (zoo) => {
        await zoo.query("pg1", "insert into acknowledged values (1)", "app");
        const seen = await zoo.blackstart("check");
        const critical = seen.records
          .filter(({ finding }) => finding?.severity === "critical" && !/ fsync off/.test(finding.title))
          .map(({ finding }) => finding.title);
        assert.deepEqual(critical, [], seen.stderr);
      }),
    );
  }
});
