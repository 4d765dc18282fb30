import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamSettings } from "../../src/drivers/postgres/names.ts";
import { viewOf } from "../../src/watch/assess/view.ts";
import { observationOf } from "../../src/watch/observed.ts";
import { factsOf, node, now, primaryPulse, standbyPulse, systemOf } from "./facts-of.ts";

/* Under which name the primary is remembered: that under which it streams once it is brought back. */

const none = { primaryConninfo: "", clusterName: "" };
const named = (name: string) => ({ primaryConninfo: `application_name=${name}`, clusterName: "" });
const cluster = (clusterName: string) => ({ primaryConninfo: "", clusterName });

const cases: readonly (readonly [string, own: StreamSettings | null, other: StreamSettings, string | undefined])[] = [
  ["the others are named one by one", none, named("two"), "pg1"],
  ["as primary_conninfo says, left from when it was a standby", named("one"), named("two"), "one"],
  ["by cluster_name, as the others are", cluster("one"), cluster("two"), "one"],
  ["nobody is named", none, none, "walreceiver"],
  ["what it is set to is not to be seen", null, named("two"), undefined],
];

for (const [what, naming, other, name] of cases)
  test(`the primary's name: ${what}`, () => {
    const system = systemOf();
    const primary = node("pg1", primaryPulse({ naming }));
    const facts = factsOf(primary, node("pg2", standbyPulse("two", { naming: other })));
    const view = viewOf(system, "ledger", system.clusters.ledger!, facts, now);
    assert.equal(observationOf(view, primary)?.name, name);
  });
