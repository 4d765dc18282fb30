import { describe } from "node:test";
import { testCell } from "./matrix/cell.ts";
import { outages } from "./matrix/outages.ts";
import { recipes } from "./recipes.ts";

/* Every outage of every animal. The clusters are mostly waiting. */
describe("the zoo", { concurrency: 2 }, () => {
  for (const recipe of recipes) for (const outage of outages) testCell(recipe, outage);
});
