import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { edited } from "../../../src/drivers/pacemaker/edit.ts";
import { findBlocked } from "../../../src/reproduce/explore/blocking.ts";
import { replay, search } from "../../../src/reproduce/explore/search.ts";
import { createSettler } from "../../../src/reproduce/explore/settle.ts";
import { startOf } from "../../../src/reproduce/explore/start.ts";
import { outageOf2017 } from "./cibs.ts";
import { explored, withoutScheduler, withScheduler } from "./searching.ts";

const faultsMax = 2;

const configurations = fc.record({
  direction: fc.constantFrom("D1" as const, "D2" as const),
  score: fc.oneof(fc.integer({ min: -1300, max: -1 }), fc.constant("-INFINITY")),
  stickiness: fc.integer({ min: 0, max: 300 }),
});

test("whatever the scores are: what is found blocks when it is done again, and no longer after the repair", {
  skip: withoutScheduler,
}, async () => {
  await withScheduler(async (crm) => {
    await fc.assert(
      fc.asyncProperty(configurations, async (configuration) => {
        const text = outageOf2017(configuration);
        const { blocked, complete } = await explored(crm, text, faultsMax);
        assert.ok(complete);
        const { cib, now } = await crm.read(text, "cib.xml");
        const { model, state } = startOf(cib, now);
        for (const { group, repairs } of blocked) {
          const settler = createSettler(model, crm.decide);
          const sequences = group.states.map(({ faults }) => faults);
          const ends = await replay(settler, state, sequences);
          const again = ends.flatMap((end, index) =>
            end === undefined ? [] : [{ state: end, faults: sequences[index] ?? [] }],
          );
          assert.equal((await findBlocked(settler, crm.decide, again)).length, sequences.length);
          const [repair] = repairs.sufficient;
          assert.ok(repair !== undefined);
          const repaired = createSettler({ ...model, cib: edited(cib, repair.change.edits) }, crm.decide);
          const { reached } = await search({ settler: repaired, initial: state, faultsMax, statesMax: 20_000 });
          assert.deepEqual(await findBlocked(repaired, crm.decide, reached), []);
        }
      }),
      { numRuns: 6 },
    );
  });
});
