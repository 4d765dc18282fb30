import { describe } from "node:test";
import type { OutageName } from "./recipe.ts";
import { testCell } from "./matrix/cell.ts";
import { outages } from "./matrix/outages.ts";
import { recipes } from "./recipes.ts";

/* One outage of each kind, each of an animal for which it is hard; the whole matrix is in matrix.long.test.ts. */
const cells: readonly (readonly [OutageName, string])[] = [
  ["failover", "debian-layout"],
  ["failover", "passfile"],
  ["switchover", "no-names"],
  ["switchover", "tls-only"],
  ["restart", "containers"],
  ["restart-primary", "disks"],
  ["rejoin", "cluster-names"],
  ["degrade-synchronous", "any-two"],
  ["demote", "plain"],
];

describe("the zoo", { concurrency: 2 }, () => {
  for (const [name, animal] of cells) {
    const recipe = recipes.find((one) => one.name === animal);
    const outage = outages.find((one) => one.name === name);
    if (recipe === undefined || outage === undefined) throw new Error(`no ${name} of ${animal}`);
    testCell(recipe, outage);
  }
});
