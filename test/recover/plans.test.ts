import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { recoveryHandlers } from "../../src/recover/handlers.ts";
import { makeRecoveryPlan, unlessNothingWrong } from "../../src/recover/plans.ts";
import { beforeImageFile } from "../../src/recover/repair/before-image.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { creditInvariant, fleetOf, ledgerTables, servers, systemOf, withServer } from "./support.ts";

const postgres = servers[0]?.[1];
const skip = postgres === undefined ? "no PostgreSQL server binaries" : false;
const request = (options = {}) => ({
  kind: "repair-invariant",
  subject: { kind: "invariant" as const, name: "credit" },
  options: { incident: "20260101-0000-ledger", ...options },
});

test("a repair is planned from its dry run, carried out, and told in the incident", { skip }, () =>
  withFolder((home) =>
    withServer(postgres as string, home, {}, async (server) => {
      await server.query(ledgerTables);
      const timeline = await openSqliteTimeline(join(home, "timeline.db"));
      const system = systemOf(server.url, { invariants: { credit: creditInvariant } });
      const context = { system, fleet: fleetOf(server.url), timeline, home };
      const plan = (await makeRecoveryPlan(request(), context)) as Plan;
      assert.ok(!isRefusal(plan));
      assert.match(plan.steps[0]?.title ?? "", /2 violations of credit: 2 rows change/);
      assert.match(plan.risk.statements.join("\n"), /"entries": 0 rows new, 0 changed, 2 gone/);
      assert.equal((await server.query(creditInvariant.violations)).length, 2);

      const handlers = registryOf(...recoveryHandlers(context));
      const executor = createExecutor({ timeline, handlers });
      await executor.store(plan, "person:test");
      const result = await executor.run(plan.id, "person:test", "flag");
      assert.equal(result.outcome, "done", JSON.stringify(result));
      assert.equal((await server.query(creditInvariant.violations)).length, 0);
      const done = (await timeline.read({ stream: `plan/${plan.id}` })).find(({ kind }) => kind === "step.done");
      assert.ok(done);
      const { outcome } = done.data as { outcome: { violations: number; tables: object; samples: object[] } };
      assert.equal(outcome.violations, 2);
      assert.deepEqual(outcome.tables, [{ table: '"public"."entries"', inserted: 0, updated: 0, deleted: 2 }]);
      const story = await timeline.read({ stream: "incident/20260101-0000-ledger" });
      assert.deepEqual(
        story.map(({ kind }) => kind),
        ["incident.recovery-recorded"],
      );

      await assert.rejects(makeRecoveryPlan(request(), context), /holds/);
      assert.equal(await unlessNothingWrong(makeRecoveryPlan(request(), context)), undefined);
      await assert.rejects(unlessNothingWrong(makeRecoveryPlan({ ...request(), kind: "x" }, context)), /of kind “x”/);
      const step = { ...stepContext(plan), progress: () => undefined };
      const handler = handlers.get("postgres.repair");
      assert.equal((await handler?.check(step))?.state, "done");
      await handler?.undo?.(step, {});
      assert.equal((await server.query(creditInvariant.violations)).length, 2);

      // More than was approved is refused.
      const second = (await makeRecoveryPlan(request(), context)) as Plan;
      await server.query("insert into entries (transfer_id, amount) values (900, 1)");
      await executor.store(second, "person:test");
      const refused = await executor.run(second.id, "person:test", "flag");
      assert.equal(refused.outcome, "stopped");
      assert.equal((await server.query(creditInvariant.violations)).length, 3);

      // What cannot be kept needs the flag.
      const blind = await makeRecoveryPlan(request({ scanBytesMax: 1 }), context);
      assert.ok(isRefusal(blind) && blind.accept === "acceptIncompleteImage");
      await timeline.close();
    }),
  ),
);

test("killed anywhere, a repair is found to be done or not, truly, and goes on", { skip }, () =>
  withFolder((home) =>
    withServer(postgres as string, home, {}, async (server) => {
      await server.query(ledgerTables);
      // Each run changes one row more: done twice, it would show.
      const credit = {
        ...creditInvariant,
        repair: "insert into entries (transfer_id, amount) values ($transfer_id, -$sum)",
        settle: "1ms",
      };
      const system = systemOf(server.url, { invariants: { credit } });
      const client = await server.connect();
      let killed = 0;
      for (const delayMs of [0, 40, 80, 120, 180]) {
        await client.query("delete from entries where id > 102");
        const timeline = await openSqliteTimeline(join(home, "timeline.db"));
        const context = { system, fleet: fleetOf(server.url), timeline, home };
        const plan = (await makeRecoveryPlan(request(), context)) as Plan;
        await createExecutor({ timeline, handlers: new Map() }).store(plan, "person:test");
        const first = runPlan(home, server.url, plan.id, { invariants: { credit } });
        await first.saw("step.intended");
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        first.kill();
        if (!(await first.ended).includes("plan.finished")) killed++;
        const result = await createExecutor({
          timeline,
          handlers: registryOf(...recoveryHandlers(context)),
        })
          .run(plan.id, "person:test", "flag")
          .catch((error: Error & { code?: string }) => {
            // It had just finished before it was killed.
            assert.match(String(error.message), /ended|finished|done/i);
            return { outcome: "done" };
          });
        assert.equal(result.outcome, "done", `killed after ${delayMs} ms: ${JSON.stringify(result)}`);
        const { rows } = await client.query("select count(*)::int as n from entries");
        assert.equal(rows[0].n, 104, `killed after ${delayMs} ms`);
        assert.ok(existsSync(beforeImageFile(home, plan.id)));
        await timeline.close();
      }
      await client.end();
      assert.ok(killed > 0, "no run was killed in the middle");
    }),
  ),
);

function stepContext(plan: Plan) {
  return {
    planId: plan.id,
    stepId: "repair",
    run: {},
    parameters: plan.steps[0]?.parameters ?? {},
    signal: new AbortController().signal,
    assertHeld: async () => undefined,
  };
}

function runPlan(home: string, url: string, plan: string, system: object) {
  const script = join(import.meta.dirname, "executor-process.ts");
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", script, home, url, plan, JSON.stringify(system)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  const waiting = new Set<() => void>();
  child.stdout.on("data", (data: Buffer) => {
    output += data.toString();
    for (const each of waiting) each();
  });
  const ended = new Promise<string>((resolve) => child.once("close", () => resolve(output)));
  return {
    ended,
    kill: () => child.kill("SIGKILL"),
    saw: (text: string) =>
      Promise.race([
        ended,
        new Promise<void>((resolve) => {
          const look = () => {
            if (output.includes(text)) resolve();
          };
          waiting.add(look);
          look();
        }),
      ]),
  };
}
