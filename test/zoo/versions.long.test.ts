import { describe } from "node:test";
import { everyMajor } from "../support/postgres-versions.ts";
import { testCell } from "./matrix/cell.ts";
import { outages } from "./matrix/outages.ts";
import { recipes } from "./recipes.ts";

/* Every outage of a plain cluster of every major version, without pg_basebackup and pg_rewind: npm ships none. */
const [plain] = recipes;
for (const version of everyMajor)
  describe(`the zoo, ${version.title}`, { concurrency: 2 }, () => {
    if (plain !== undefined) for (const outage of outages) testCell(plain, outage, version);
  });
