import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type ClusterStatus, statusXml } from "../../../src/drivers/pacemaker/cluster-status.ts";
import { edited } from "../../../src/drivers/pacemaker/edit.ts";
import { findBlocked } from "../../../src/reproduce/explore/blocking.ts";
import { replay, search } from "../../../src/reproduce/explore/search.ts";
import { createSettler } from "../../../src/reproduce/explore/settle.ts";
import { healthyStart, startOf } from "../../../src/reproduce/explore/start.ts";
import type { Scheduler } from "../../../src/reproduce/explore/state.ts";
import { withFolder } from "../../support/folder.ts";
import { explored, withoutScheduler, withScheduler } from "./searching.ts";
import { shapes } from "./shapes.ts";

for (const [name, { text, faultsMax, blocked }] of Object.entries(shapes))
  describe(name, { skip: withoutScheduler }, () => {
    test("what blocks is found, with its cause and the shortest sequence; what is said of it is so", async () => {
      await withScheduler(async (crm) => {
        const report = await explored(crm, text, faultsMax);
        const found = report.blocked.map(({ group }) => [
          group.causes[0]?.constraints.join(", "),
          group.clone,
          group.states[0]?.faults.length,
        ]);
        assert.deepEqual(found, blocked);
        assert.ok(report.complete && report.restless.length === 0);
        assert.equal(report.repairedTogether, true);

        const { cib, now } = await crm.read(text, "cib.xml");
        const start = startOf(cib, now);
        const { model } = start;
        const state = start.isGiven ? start.state : await healthyStart(createSettler(model, crm.decide), start);
        const plain: Scheduler = (of, states) => Promise.all(states.map((each) => crm.transition(of, each)));
        for (const { group, confirmed, repairs } of report.blocked) {
          assert.equal(confirmed, true);
          const faults = group.states[0]?.faults ?? [];
          const [end] = await replay(createSettler(model, plain), state, [faults]);
          assert.ok(end !== undefined);
          const again = await findBlocked(createSettler(model, plain), plain, [{ state: end, faults }]);
          assert.deepEqual(
            again.map(({ clone }) => clone),
            [group.clone],
          );
          assert.ok(repairs.sufficient.length > 0, "no repair");
          for (const { change, blockedOtherwise } of repairs.sufficient) {
            const settler = createSettler({ ...model, cib: edited(cib, change.edits) }, crm.decide);
            const { reached } = await search({ settler, initial: state, faultsMax, statesMax: 20_000 });
            const still = await findBlocked(settler, crm.decide, reached);
            assert.equal(still.length, blockedOtherwise, `${change.of} ${change.attribute} ${change.to}`);
            assert.ok(blockedOtherwise === 0 || report.blocked.length > 1);
          }
          for (const { change, faults: sequence, why } of repairs.insufficient) {
            assert.equal(why, "blocked");
            const settler = createSettler({ ...model, cib: edited(cib, change.edits) }, crm.decide);
            const [last] = await replay(settler, state, [sequence]);
            assert.ok(last !== undefined);
            const still = await findBlocked(settler, crm.decide, [{ state: last, faults: sequence }]);
            assert.equal(still.length, 1, `${change.of} ${change.attribute} ${change.to}`);
          }
        }
      });
    });

    test("a state at rest is one to crm_simulate: it would do nothing, not restart what runs", async () => {
      await withScheduler(async (crm) => {
        const { cib, now } = await crm.read(text, "cib.xml");
        const start = startOf(cib, now);
        const [settled] = await createSettler(start.model, crm.decide).settle([start.state]);
        assert.ok(settled?.atRest);
        await withFolder(async (folder) => {
          const file = join(folder, "rest.xml");
          const quorum = true;
          await writeFile(file, cib.withStatus({ status: statusXml(cib, settled.state), quorum }));
          const { stdout, status } = spawnSync("crm_simulate", ["-R", "-x", file], {
            encoding: "utf8",
            env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
          });
          assert.equal(status, 0);
          assert.equal(stdout.split("Transition Summary:")[1]?.trim(), "");
        });
      });
    });

    test("many states a process give what crm_simulate does with each by itself", async () => {
      await withScheduler(async (crm) => {
        const { cib, now } = await crm.read(text, "cib.xml");
        const { model, state } = startOf(cib, now);
        const asked: ClusterStatus[] = [];
        const settler = createSettler(model, (of, states) => {
          asked.push(...states);
          return crm.decide(of, states);
        });
        await search({ settler, initial: state, faultsMax: 1, statesMax: 20_000 });
        assert.ok(asked.length > 5);
        const batch = await crm.decide(cib, asked);
        for (const [index, each] of asked.entries()) {
          const { roles } = await crm.transition(cib, each);
          assert.deepEqual([...(batch[index]?.roles ?? [])].toSorted(), [...roles].toSorted());
        }
      });
    });
  });
