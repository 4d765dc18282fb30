import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { readPlan } from "../../src/plan/status.ts";
import { undoPlan } from "../../src/plan/undo.ts";
import { recoveryHandlers } from "../../src/recover/handlers.ts";
import { makeRecoveryPlan } from "../../src/recover/plans.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { commandLine } from "../cli/command-line.ts";
import { withFolder } from "../support/folder.ts";
import { creditInvariant, fleetOf, ledgerTables, servers, systemOf, withServer } from "./support.ts";

const postgres = servers[0]?.[1];
const skip = postgres === undefined ? "no PostgreSQL server binaries" : false;

test("a repair is undone from the command line: what was wrong is back, and it is said once", { skip }, () =>
  withFolder((folder) =>
    withServer(postgres as string, folder, {}, async (server) => {
      await server.query(ledgerTables);
      const violations = async () => (await server.query(creditInvariant.violations)).length;
      const system = {
        system: "test",
        clusters: { ledger: { nodes: { pg1: { url: server.url } } } },
        invariants: { credit: creditInvariant },
      };
      await writeFile(join(folder, "blackstart.yaml"), JSON.stringify(system));
      const { run } = commandLine(folder);

      const proposed = await run("recover", "invariants", "credit");
      assert.match(proposed.stdout, /Repair 2 violations/);
      assert.doesNotMatch(proposed.stdout, /cannot be undone/);
      const applied = await run("recover", "invariants", "credit", "--apply", "--yes", "--json");
      assert.equal(applied.code, 0, applied.stderr);
      assert.equal(await violations(), 0);

      const unasked = await run("plan", "undo", "latest", "--json");
      assert.deepEqual([unasked.code, unasked.result.error.code], [3, "NOT_CONFIRMED"]);
      assert.equal(await violations(), 0);
      const undone = await run("plan", "undo", "latest", "--yes", "--json");
      assert.equal(undone.code, 0, undone.stderr);
      assert.deepEqual([undone.result.outcome, undone.result.undone], ["undone", ["repair"]]);
      assert.equal(await violations(), 2);
      const again = await run("plan", "undo", "latest", "--yes", "--json");
      assert.deepEqual(again.result, undone.result);
      assert.equal(await violations(), 2);

      assert.match(
        (await run("plan", "show", "latest")).stdout,
        /State: done; undone[^]*Undoing\n.*Repair 2 violations/,
      );
      assert.match((await run("plan", "list", "--all")).stdout, /done; undone/);
    }),
  ),
);

test("the undoing of a repair is refused over a change made since, and is never done twice", { skip }, () =>
  withFolder((home) =>
    withServer(postgres as string, home, {}, async (server) => {
      await server.query(ledgerTables);
      // An undoing that is done twice would show in the number of rows.
      const repair = "insert into entries (transfer_id, amount) values ($transfer_id, -$sum)";
      const timeline = await openSqliteTimeline(join(home, "timeline.db"));
      const system = systemOf(server.url, { invariants: { credit: { ...creditInvariant, repair } } });
      const context = { system, fleet: fleetOf(server.url), timeline, home };
      const handlers = registryOf(...recoveryHandlers(context));
      const incident = "20260101-0000-ledger";
      const request = { kind: "repair-invariant", subject: { kind: "invariant" as const, name: "credit" } };
      const plan = (await makeRecoveryPlan({ ...request, options: { incident } }, context)) as Plan;
      const executor = createExecutor({ timeline, handlers });
      await executor.store(plan, "person:test");
      assert.equal((await executor.run(plan.id, "person:test", "flag")).outcome, "done");
      const rows = async () => (await server.query("select 1 from entries")).length;
      assert.equal(await rows(), 104);

      await server.query("update entries set amount = 5.01 where transfer_id = 777 and amount = 5");
      const refused = await undoPlan({ timeline, handlers }, plan.id, "person:test", "flag");
      assert.equal(refused.outcome, "stopped");
      assert.match(refused.state, /not as the repair left it.*Nothing was undone/);
      assert.equal(await rows(), 104);
      await server.query("update entries set amount = 5 where amount = 5.01");

      // Its executor dies right before the commit, then right after it: the server tells which it was.
      const step = (assertHeld: () => Promise<void>) => ({
        planId: plan.id,
        stepId: "repair",
        run: {},
        parameters: plan.steps[0]?.parameters ?? {},
        signal: new AbortController().signal,
        assertHeld,
        progress: () => undefined,
      });
      const undo = handlers.get("postgres.repair")?.undo;
      assert.ok(undo);
      const lost = () => Promise.reject(new Error("the lease is lost"));
      await assert.rejects(undo(step(lost), {}), /lease is lost/);
      assert.equal(await rows(), 104);
      await undo(
        step(async () => undefined),
        {},
      );
      assert.equal(await rows(), 102);
      // Somebody works on: what was taken back is no longer as it was, and still it is known to be.
      await server.query("insert into entries (transfer_id, amount) values (777, 5), (778, 6.50)");
      const undone = await undoPlan({ timeline, handlers }, plan.id, "person:test", "flag");
      assert.deepEqual([undone.outcome, undone.undone], ["undone", ["repair"]]);
      assert.equal(await rows(), 104);
      assert.equal((await readPlan(timeline, plan.id))?.undo?.state, "undone");
      const story = (await timeline.read({ stream: `incident/${incident}` })).map(({ data }) => JSON.stringify(data));
      assert.equal(story.length, 2);
      assert.match(story[1] ?? "", /The repair of credit was undone: its 2 violations are back/);
      await timeline.close();
    }),
  ),
);
