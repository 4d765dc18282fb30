import { BlackstartError } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import type { CheckResult, StepContext, StepHandler } from "../../plan/handler.ts";
import { blackstartHome } from "../../system/home.ts";
import type { RecoveryContext } from "../context.ts";
import { incidentOfPlan } from "../incident-of-plan.ts";
import { lookAtInvariant } from "../invariants.ts";
import { withPrimary } from "../primary.ts";
import { recordRecovery } from "../record.ts";
import { beforeImageFile, readBeforeImage } from "./before-image.ts";
import { fateOfRepair } from "./fate.ts";
import { keyOf, type Row, type Table } from "./tables.ts";
import { type RepairRequest, repairInvariant } from "./transaction.ts";
import { undoRepair } from "./undo.ts";

/** The parameters of a `postgres.repair` step: the SQL that was approved, not what the file says by then. */
export type RepairParameters = Readonly<{
  cluster: string;
  invariant: string;
  violations: string;
  repair: readonly string[];
  settleMs: number;
  violationsMax: number;
  acceptIncompleteImage: boolean;
  /** Left out by plans of older versions, which promised it to all but those with an incomplete image. */
  promisesUndo?: boolean;
  scanBytesMax: number;
  rowsMax: number;
  timeoutMs: number;
}>;

/** Repairs in one transaction; whether it was committed is asked of the server, never guessed. */
export function repairHandler(context: RecoveryContext): StepHandler {
  const home = context.home ?? blackstartHome();
  const fileOf = (step: StepContext) => beforeImageFile(home, step.planId);
  /** Undoing is a change like another: its own before-image tells afterwards whether it was committed. */
  const undoFileOf = (step: StepContext) => beforeImageFile(home, `${step.planId}.undo`);
  return {
    kind: "postgres.repair",
    async check(step): Promise<CheckResult> {
      const fate = await fateOfRepair(context, fileOf(step));
      switch (fate) {
        case "none":
        case "aborted":
          return { state: "ready" };
        case "committed":
          return { state: "done", outcome: await outcomeOf(fileOf(step)) };
        case "running":
          return {
            state: "refused",
            why: "An earlier attempt's transaction is still open on the server.",
            next: "Wait for it, or end its session (pg_terminate_backend), then run the plan again.",
          };
        case "unknown":
          return {
            state: "refused",
            why: "Whether an earlier attempt was committed cannot be told: its rows were changed since.",
            next: `Compare the rows with ${fileOf(step)}, then make a new plan.`,
          };
        default: {
          const never: never = fate;
          return never;
        }
      }
    },
    async do(step) {
      const file = fileOf(step);
      try {
        const report = await repairInvariant(context, requestOf(step, file));
        if (report.xid === null) return { violations: report.violations, tables: [], samples: [], beforeImage: null };
      } catch (error) {
        // The connection may have broken within the commit: then only the server knows.
        const broken = error instanceof BlackstartError && error.code === "UNREACHABLE";
        if (!broken || (await fateOfRepair(context, file)) !== "committed") throw error;
      }
      return await outcomeOf(file);
    },
    async verify(step, outcome) {
      const { invariant } = parametersOf(step);
      const look = await lookAtInvariant(context, invariant, { signal: step.signal });
      const figures = { plan: step.planId, invariant, repaired: outcome.violations ?? 0, left: look.count };
      const summary = `${outcome.violations} violations of ${invariant} repaired, ${look.count} left`;
      await recordRecovery(
        context.timeline,
        await incidentOfPlan(context.timeline, step.planId),
        "invariants",
        summary,
        figures,
      );
      if (look.count === 0) return;
      throw new BlackstartError("STEP_FAILED", {
        what: `${look.count} violations of ${invariant} are there after the repair.`,
        why: `The repair was committed (${outcome.violations} violations); these came since, or were work in progress then.`,
        next: "Look at them and plan another repair; the before-image is kept.",
      });
    },
    async undo(step, outcome) {
      if (outcome.beforeImage === null) return { state: "nothing", why: "The repair had changed no row." };
      const file = undoFileOf(step);
      const fate = await fateOfRepair(context, file);
      if (fate === "running" || fate === "unknown") throw unclearUndo(file, fate);
      if (fate !== "committed") await undoOnPrimary(context, step, fileOf(step), file);
      const { invariant } = parametersOf(step);
      const undone = await outcomeOf(file);
      const figures = { plan: `undo of ${step.planId}`, invariant, back: undone.violations ?? 0 };
      const summary = `The repair of ${invariant} was undone: its ${undone.violations} violations are back`;
      await recordRecovery(
        context.timeline,
        await incidentOfPlan(context.timeline, step.planId),
        "invariants",
        summary,
        figures,
      );
      return { state: "undone", outcome: undone };
    },
  };
}

async function undoOnPrimary(context: RecoveryContext, step: StepContext, file: string, kept: string): Promise<void> {
  const { cluster } = parametersOf(step);
  const options = { queryTimeoutMs: 60_000 };
  try {
    await withPrimary(context, cluster, options, async ({ connection, node }) => {
      const observer = await context.fleet.connect(cluster, node, options);
      try {
        await undoRepair(connection, file, { observer, file: kept, assertHeld: () => step.assertHeld() });
      } finally {
        await observer.close();
      }
    });
  } catch (error) {
    // The connection may have broken within the commit: then only the server knows.
    const broken = error instanceof BlackstartError && error.code === "UNREACHABLE";
    if (!broken || (await fateOfRepair(context, kept)) !== "committed") throw error;
  }
}

function unclearUndo(file: string, fate: "running" | "unknown"): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: "Whether an earlier attempt to undo the repair was committed cannot be told.",
    why: fate === "running" ? "Its transaction is still open on the server." : "Its rows were changed since.",
    next:
      fate === "running"
        ? "Wait for it, or end its session (pg_terminate_backend), then undo again."
        : `Compare the rows with ${file}; restore what is missing by hand.`,
  });
}

function parametersOf(step: StepContext): RepairParameters {
  return step.parameters as unknown as RepairParameters;
}

function requestOf(step: StepContext, file: string): RepairRequest {
  const {
    cluster,
    invariant,
    violations,
    repair,
    settleMs,
    violationsMax,
    acceptIncompleteImage,
    promisesUndo = !acceptIncompleteImage,
    scanBytesMax,
    rowsMax,
  } = parametersOf(step);
  return {
    plan: step.planId,
    cluster,
    invariant,
    violations,
    repair,
    settleMs,
    scanBytesMax,
    rowsMax,
    signal: step.signal,
    apply: {
      file,
      violationsMax,
      acceptDoubts: acceptIncompleteImage,
      promisesUndo,
      assertHeld: () => step.assertHeld(),
    },
  };
}

/** How many changed rows the plan's outcome shows; the file has all. */
const samplesKept = 20;

/** From the file alone, so that it is the same when the step is found done after a crash. */
async function outcomeOf(file: string): Promise<JsonObject> {
  let violations = 0;
  let xid = "";
  let tables: readonly Pick<Table, "name" | "key">[] = [];
  const counts = new Map<string, { before: number; after: number; paired: number; keys: Set<string> }>();
  const samples: { table: string; kind: "before" | "after"; row: Row }[] = [];
  for await (const line of readBeforeImage(file)) {
    if (line.kind === "repair") ({ violations, xid, tables } = line);
    if (line.kind !== "before" && line.kind !== "after") continue;
    const table = tables.find(({ name }) => name === line.table);
    const count = counts.get(line.table) ?? { before: 0, after: 0, paired: 0, keys: new Set<string>() };
    counts.set(line.table, count);
    count[line.kind]++;
    const key = table === undefined ? undefined : keyOf(table, line.row);
    if (key !== undefined && line.kind === "before") count.keys.add(key);
    if (key !== undefined && line.kind === "after" && count.keys.has(key)) count.paired++;
    if (samples.length < samplesKept) samples.push({ table: line.table, kind: line.kind, row: line.row });
  }
  return {
    violations,
    xid,
    beforeImage: file,
    tables: [...counts].map(([table, { before, after, paired }]) => ({
      table,
      inserted: after - paired,
      updated: paired,
      deleted: before - paired,
    })),
    samples,
  };
}
