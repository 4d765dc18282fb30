import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { recipes } from "./recipes.ts";
import { withAnimal } from "./open.ts";

describe("the zoo", () => {
  for (const recipe of recipes)
    test(`${recipe.name}: ${recipe.about}`, { skip: recipe.skip }, () =>
      withAnimal(recipe, async (zoo) => {
        await zoo.query("pg1", "insert into acknowledged values (1)", "app");
        const seen = await zoo.blackstart("check");
        const critical = seen.records
          .filter(({ finding }) => finding?.severity === "critical" && !/ fsync off/.test(finding.title))
          .map(({ finding }) => finding.title);
        assert.deepEqual(critical, [], seen.stderr);
      }),
    );
});
