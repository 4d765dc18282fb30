import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { discardPlan } from "../../src/plan/discard.ts";
import { finished } from "../../src/plan/carry-out.ts";
import { createExecutor, type ExecutorOptions } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import type { Step } from "../../src/plan/plan.ts";
import { listPlans, readPlan } from "../../src/plan/status.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../timeline/conformance.ts";
import { planOf, step } from "./effects.ts";

type World = Readonly<{
  timeline: Timeline;
  file: string;
  /** `check fence`, `do fence`, `verify fence`, in the order of the calls. */
  calls: string[];
  execute(
    planId: string,
    steps: readonly Step[],
    more?: Partial<ExecutorOptions>,
  ): ReturnType<ReturnType<typeof createExecutor>["run"]>;
  kinds(planId: string): Promise<string[]>;
}>;

async function withWorld(behaviour: Partial<StepHandler>, use: (world: World) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const timeline = await openSqliteTimeline(file);
    const calls: string[] = [];
    const handler: StepHandler = {
      kind: "test.line",
      check: async (context) => {
        calls.push(`check ${context.stepId}`);
        return (await behaviour.check?.(context)) ?? { state: "ready" };
      },
      do: async (context) => {
        calls.push(`do ${context.stepId}`);
        return (await behaviour.do?.(context)) ?? {};
      },
      verify: async (context, outcome) => {
        calls.push(`verify ${context.stepId}`);
        await behaviour.verify?.(context, outcome);
      },
    };
    const execute: World["execute"] = async (planId, steps, more) => {
      const executor = createExecutor({ timeline, handlers: registryOf(handler), ...more });
      await executor.store(planOf(planId, steps), "test");
      return await executor.run(planId, "person:ada", "person");
    };
    const kinds = async (planId: string) => (await timeline.read({ stream: `plan/${planId}` })).map(({ kind }) => kind);
    try {
      await use({ timeline, file, calls, execute, kinds });
    } finally {
      await timeline.close();
    }
  });
}

test("a step that is done already is verified and not done again", async () => {
  const check: StepHandler["check"] = async ({ stepId }) =>
    stepId === "a" ? { state: "done", outcome: { node: "pg2" } } : { state: "ready" };
  await withWorld({ check }, async ({ timeline, calls, execute }) => {
    assert.deepEqual(await execute("p", [step("a"), step("b")]), { planId: "p", ...finished("done") });
    assert.deepEqual(calls, ["check a", "verify a", "check b", "do b", "verify b"]);
    const [a, b] = (await readPlan(timeline, "p"))?.steps ?? [];
    assert.ok(a?.state === "done" && a.already && a.outcome.node === "pg2");
    assert.ok(b?.state === "done" && !b.already);
  });
});

test("a plan that has ended answers what is recorded and is not carried out again", async () => {
  await withWorld({}, async ({ timeline, calls, execute }) => {
    await execute("p", [step("a")]);
    const before = calls.length;
    const again = createExecutor({ timeline, handlers: registryOf() });
    assert.deepEqual(await again.run("p", "person:bob", "person"), { planId: "p", ...finished("done") });
    assert.equal(calls.length, before);
  });
});

test("a refused or failing step stops the plan, and says in what state things are", async () => {
  const check: StepHandler["check"] = async ({ stepId }) =>
    stepId === "fence"
      ? { state: "refused", why: "pg1 may be alive.", next: "Give a fence command." }
      : { state: "ready" };
  const verify: StepHandler["verify"] = async ({ stepId }) => {
    if (stepId === "promote") throw new Error("postgres://ada:hunter2@db/x still answers as a standby");
  };
  await withWorld({ check, verify }, async ({ timeline, calls, execute, kinds }) => {
    const refused = await execute("refused", [step("choose"), step("fence"), step("promote")]);
    assert.equal(refused.outcome, "stopped");
    assert.match(
      refused.state ?? "",
      /pg1 may be alive.*Done: “Write the line of choose”.*Not begun: “Write the line of promote”/,
    );
    assert.equal(refused.next, "Give a fence command.");
    assert.ok(!calls.includes("do fence") && !calls.includes("check promote"));
    assert.deepEqual((await kinds("refused")).slice(-2), ["step.failed", "plan.stopped"]);

    const failed = await execute("failed", [step("promote"), step("follow")]);
    assert.match(
      failed.state ?? "",
      /still answers as a standby.*No step was done.*Not begun: “Write the line of follow”/,
    );
    assert.doesNotMatch(JSON.stringify([failed, await timeline.read()]), /hunter2/);
    const recorded = await createExecutor({ timeline, handlers: registryOf() }).run("failed", "x", "person");
    assert.deepEqual(recorded, failed);
  });
});

test("a step that may fail does not stop the plan, but is told", async () => {
  const run: StepHandler["do"] = async ({ stepId, parameters }) => {
    if (stepId === "rejoin")
      throw new BlackstartError("UNREACHABLE", { what: "pg3 does not answer", why: "w", next: "n" });
    return { node: "pg2", given: parameters.node ?? null };
  };
  await withWorld({ do: run }, async ({ timeline, calls, execute }) => {
    const needs = step("needs", { parameters: { node: { from: "rejoin", field: "node" } }, onFailure: "continue" });
    const steps = [
      step("promote"),
      step("rejoin", { onFailure: "continue" }),
      needs,
      step("end", { parameters: { node: { from: "promote", field: "node" } } }),
    ];
    assert.equal((await execute("p", steps)).outcome, "done-with-failures");
    const [, rejoin, lacking, end] = (await readPlan(timeline, "p"))?.steps ?? [];
    assert.ok(rejoin?.state === "failed" && rejoin.code === "UNREACHABLE");
    assert.ok(lacking?.state === "failed" && /rejoin/.test(lacking.message));
    assert.ok(end?.state === "done" && end.outcome.given === "pg2");
    assert.ok(!calls.includes("check needs"));
  });
});

test("what cannot be carried out is refused before anything is changed", async () => {
  await withWorld({}, async ({ timeline, calls, execute, kinds }) => {
    const reference = (from: string) => step("b", { parameters: { deep: [{ x: { from, field: "node" } }] } });
    assert.match((await fails("USAGE", execute("1", [step("a"), reference("nobody")]))).why, /nobody/);
    await fails("USAGE", execute("2", [reference("c"), step("c")]));
    await fails("USAGE", execute("3", [step("a"), step("a")]));
    await fails("USAGE", execute("4", []));
    assert.deepEqual(await timeline.streams("plan/"), []);
    await fails("NOT_POSSIBLE_NOW", execute("5", [step("a"), step("b", { kind: "test.unknown" })]));
    const executor = createExecutor({ timeline, handlers: registryOf() });
    await fails("UNKNOWN_NAME", executor.run("none", "test", "person"));
    await fails("NOT_CONFIRMED", executor.run("5", "test"));
    await fails("VERSION_CONFLICT", executor.store(planOf("5", [step("a")]), "test"));
    await discardPlan(timeline, "5", "person:bob", "the primary came back");
    assert.match((await fails("NOT_POSSIBLE_NOW", executor.run("5", "test", "person"))).why, /came back/);
    assert.deepEqual([calls, await kinds("5")], [[], ["plan.stored", "plan.discarded"]]);
    assert.deepEqual(
      (await listPlans(timeline)).map(({ id, state }) => `${id} ${state}`),
      ["5 discarded"],
    );
  });
});

test("the same plan started twice at once is carried out once", async () => {
  await withWorld({}, async ({ timeline, calls, file }) => {
    const other = await openSqliteTimeline(file);
    const handlers = registryOf({
      kind: "test.line",
      check: async () => ({ state: "ready" }),
      do: async () => (calls.push("do"), {}),
      verify: async () => {},
    });
    const executors = [timeline, other].map((one) => createExecutor({ timeline: one, handlers }));
    await executors[0]?.store(planOf("p", [step("a"), step("b")]), "test");
    const runs = await Promise.allSettled(executors.map((executor) => executor.run("p", "test", "person")));
    const failures = runs.filter((run) => run.status === "rejected");
    // Who comes late is told so, or answers what the first has recorded.
    for (const { reason } of failures) assert.equal(reason.code, "LEASE_HELD");
    assert.ok(failures.length < 2);
    assert.deepEqual(calls, ["do", "do"]);
    await other.close();
  });
});

test("when another holder takes the lease over, no further step is done", async () => {
  const run: StepHandler["do"] = async ({ signal, assertHeld }) => {
    const database = new DatabaseSync(takenFile);
    database.exec("update leases set token = token + 1, holder = 'process 1 on elsewhere'");
    database.close();
    assert.match((await fails("LEASE_LOST", assertHeld())).why, /elsewhere/);
    assert.ok(signal.aborted);
    return {};
  };
  let takenFile = "";
  await withWorld({ do: run }, async ({ timeline, calls, execute, file, kinds }) => {
    takenFile = file;
    await fails("LEASE_LOST", execute("p", [step("a"), step("b")]));
    assert.deepEqual(
      calls.filter((call) => call.startsWith("do")),
      ["do a"],
    );
    assert.equal((await kinds("p")).at(-1), "step.intended");
    assert.equal((await readPlan(timeline, "p"))?.state, "interrupted");
  });
});

test("a lost lease is noticed by the heartbeat, too", async () => {
  const run: StepHandler["do"] = async ({ signal }) => {
    const database = new DatabaseSync(takenFile);
    database.exec("update leases set token = token + 1");
    database.close();
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return {};
  };
  let takenFile = "";
  await withWorld({ do: run }, async ({ execute, file }) => {
    takenFile = file;
    await fails("LEASE_LOST", execute("p", [step("a"), step("b")], { leaseTtlMs: 500 }));
  });
});

test("halted for longer than its lease, an executor takes it anew and resumes", async () => {
  let halted = false;
  const check: StepHandler["check"] = async ({ stepId }) =>
    halted && stepId === "a" ? { state: "done", outcome: {} } : { state: "ready" };
  const run: StepHandler["do"] = async ({ stepId, assertHeld }) => {
    if (stepId === "a") {
      // As a snapshot of the machine would: nothing of this process runs, also no renewal.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
      halted = true;
      await assertHeld();
    }
    return {};
  };
  await withWorld({ check, do: run }, async ({ timeline, calls, execute, kinds }) => {
    const result = await execute("p", [step("a"), step("b")], { leaseTtlMs: 300 });
    assert.deepEqual(result, { planId: "p", ...finished("done") });
    assert.deepEqual(calls, ["check a", "do a", "check a", "verify a", "check b", "do b", "verify b"]);
    assert.equal((await kinds("p")).filter((kind) => kind === "plan.resumed").length, 1);
    assert.equal((await readPlan(timeline, "p"))?.state, "done");
  });
});

test("a handler that hangs does not hang the plan, and can change nothing later", async () => {
  let later: Promise<void> | undefined;
  const run: StepHandler["do"] = ({ signal, assertHeld }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        later = assertHeld();
        later.catch(() => {});
        reject(signal.reason);
      });
    });
  await withWorld({ do: run }, async ({ execute }) => {
    const result = await execute("p", [step("a", { parameters: { timeoutMs: 10 } }), step("b")]);
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /did not answer \(do\).*not known.*Not begun: “Write the line of b”/);
    await fails("STEP_FAILED", later ?? Promise.resolve());
  });
});

test("asked to end, the executor stops between steps or inside one, and records it", async () => {
  const controllers = new Map<string, AbortController>();
  const run: StepHandler["do"] = async ({ planId, stepId, signal }) => {
    if (stepId !== "a") return {};
    controllers.get(planId)?.abort();
    if (planId === "inside") signal.throwIfAborted();
    return {};
  };
  await withWorld({ do: run }, async ({ timeline, execute, kinds }) => {
    for (const planId of ["between", "inside"]) {
      const controller = new AbortController();
      controllers.set(planId, controller);
      const result = await execute(planId, [step("a"), step("b")], { signal: controller.signal });
      assert.equal(result.outcome, "stopped");
      assert.equal((await kinds(planId)).at(-1), "plan.stopped");
      assert.equal((await timeline.leaseState("cluster/ledger"))?.held, false);
    }
    assert.equal((await readPlan(timeline, "between"))?.steps[0]?.state, "done");
    const aborted = await readPlan(timeline, "inside");
    assert.ok(aborted?.steps[0]?.state === "failed" && aborted.steps[0].code === "INTERRUPTED");
  });
});
