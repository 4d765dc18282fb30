import assert from "node:assert/strict";
import { test } from "node:test";
import { eventText } from "../../../src/cli/output/event-text.ts";
import type { Event } from "../../../src/timeline/timeline.ts";
import { planOf } from "../../plan/effects.ts";

const stored = (by: string) =>
  eventText({
    kind: "plan.stored",
    by,
    data: { plan: { ...planOf("failover-1", []), kind: "failover" } },
  } as unknown as Event);

test("a plan that Blackstart proposes does not read as carried out, and names the command that does", () => {
  assert.equal(stored("auto"), "Proposed: failover ledger. To carry it out: blackstart plan resume failover-1");
  assert.equal(stored("person:ada"), "Planned: failover ledger");
});
