import { randomBytes } from "node:crypto";
import { BlackstartError } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";
import { systemClock } from "../base/time.ts";
import { isRefusal, type Plan, type PlanRequest, type Refusal, type Step } from "../plan/plan.ts";
import { cacheOf, invariantOf } from "../system/names.ts";
import { lookAtCache } from "./cache.ts";
import { purgeDefaults } from "./cache/purge.ts";
import type { PurgeParameters } from "./cache/step.ts";
import { walkDefaults } from "./cache/walk.ts";
import type { RecoveryContext } from "./context.ts";
import type { RowChange } from "./repair/images.ts";
import type { RepairParameters } from "./repair/step.ts";
import { repairLimits } from "./repair/limits.ts";
import { type RepairReport, repairInvariant } from "./repair/transaction.ts";
import { repairStatements } from "./violations.ts";

export const recoveryKinds: readonly string[] = ["repair-invariant", "purge-cache"];

type Draft = Pick<Plan, "because" | "risk" | "steps">;

const repairTimeoutMs = 60 * 60_000;
const purgeTimeoutMs = 24 * 60 * 60_000;

/**
 * Looks at what is wrong now, and plans. Changes nothing: a repair is tried in a transaction that is rolled back, and
 * the plan says which rows it would change.
 * @param request.options incident: its id. repair-invariant: acceptIncompleteImage, scanBytesMax, rowsMax.
 *   purge-cache: keysPerSecond, removalsPerSecond, budget, settleMs
 */
export async function makeRecoveryPlan(request: PlanRequest, context: RecoveryContext): Promise<Plan | Refusal> {
  const draft = await draftOf(request, context);
  if (isRefusal(draft)) return draft;
  const incident = request.options?.incident;
  const name = request.subject.name.replace(/[^\w.-]+/g, "-");
  return {
    ...draft,
    id: `${request.kind}-${name}-${randomBytes(3).toString("hex")}`,
    kind: request.kind,
    subject: request.subject,
    createdAt: (context.clock ?? systemClock).now(),
    ...(typeof incident === "string" ? { incident } : {}),
  };
}

async function draftOf(request: PlanRequest, context: RecoveryContext): Promise<Draft | Refusal> {
  switch (request.kind) {
    case "repair-invariant":
      return await repairDraft(request, context);
    case "purge-cache":
      return await purgeDraft(request, context);
    default:
      throw new BlackstartError("USAGE", {
        what: `Nothing is known of a plan of kind “${request.kind}”.`,
        why: `Recovery plans ${recoveryKinds.join(" and ")}.`,
        next: "Ask for one of these.",
      });
  }
}

function repairParameters(name: string, context: RecoveryContext, options: JsonObject) {
  const invariant = invariantOf(context.system, name);
  if (invariant.repair === undefined)
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `The invariant ${name} has no repair.`,
      why: "blackstart.yaml does not say how a violation is put right.",
      next: `Add \`repair\` to the invariant ${name}, with $column for the columns of its violations.`,
    });
  const parameters: RepairParameters = {
    cluster: invariant.cluster,
    invariant: name,
    violations: invariant.violations,
    repair: repairStatements(name, invariant.repair),
    settleMs: invariant.settle,
    violationsMax: 0,
    acceptIncompleteImage: options.acceptIncompleteImage === true,
    scanBytesMax: numberOf(options.scanBytesMax) ?? repairLimits.scanBytesMax,
    rowsMax: numberOf(options.rowsMax) ?? repairLimits.rowsMax,
    timeoutMs: repairTimeoutMs,
  };
  return { invariant, parameters };
}

async function repairDraft({ subject, options = {} }: PlanRequest, context: RecoveryContext): Promise<Draft | Refusal> {
  const { parameters } = repairParameters(subject.name, context, options);
  const report = await repairInvariant(context, { plan: "dry-run", ...parameters });
  if (report.violations === 0) throw nothingWrong(`The invariant ${subject.name} holds.`);
  if (report.doubts.length > 0 && !parameters.acceptIncompleteImage)
    return {
      refused: true,
      rule: "Every row that a repair changes is kept as it was before.",
      missing: report.doubts.join(" "),
      provide: "Let Blackstart's role read these tables, raise scanBytesMax, or write the repair without such effects.",
      accept: "acceptIncompleteImage",
    };
  const rows = report.tables.reduce((sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted, 0);
  // With the flag, rows may change at the repair of which the dry run knew nothing.
  const keepsAll = !parameters.acceptIncompleteImage;
  const undo = keepsAll ? undoOf(report) : { whyNotUndoable: "not every row that it changes is kept" };
  const step: Step = {
    id: "repair",
    kind: "postgres.repair",
    title: `Repair ${report.violations} violations of ${subject.name}: ${rows} rows change`,
    parameters: {
      ...parameters,
      violationsMax: report.violations,
      promisesUndo: "undoable" in undo,
    } as unknown as JsonObject,
    destructive: true,
    ...undo,
  };
  return {
    because: [`${report.violations} rows violate the invariant ${subject.name} in ${parameters.cluster}.`],
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: 0,
      statements: [
        ...report.tables.map(
          ({ table, inserted, updated, deleted, notKept }) =>
            `${table}: ${inserted} rows new, ${updated} changed, ${deleted} gone${notKept === undefined ? "" : ` (counted only: ${notKept})`}.`,
        ),
        ...report.samples.map(changeText),
        ...report.notes,
        ...report.doubts,
        ...undoStatements(report, keepsAll),
        "Tried in a transaction that was rolled back; only what was seen there may have used up sequence numbers.",
      ],
    },
    steps: [step],
  };
}

function undoOf({ undo }: RepairReport): Pick<Step, "undoable" | "whyNotUndoable"> {
  if (undo?.possible === true) return { undoable: true };
  return { whyNotUndoable: undo?.why ?? "it was not tried" };
}

function undoStatements({ undo }: RepairReport, keepsAll: boolean): readonly string[] {
  if (!keepsAll) return ["What can be kept of the changed rows is kept in a file, to be restored by hand."];
  if (undo?.possible === true)
    return [
      "Each changed row is kept in a file; `blackstart plan undo` puts them back (tried, and compared row by row).",
      ...(undo.mode === "replica" ? ["The undo keeps triggers from firing, and checks the foreign keys itself."] : []),
      ...undo.adds,
    ];
  return [
    `It cannot be undone by \`blackstart plan undo\`: ${undo?.why ?? "it was not tried"}.`,
    "Each changed row is kept in a file, to be restored by hand. Where a trigger is in the way, a role that may set session_replication_role can undo it.",
  ];
}

function changeText({ table, before, after }: RowChange): string {
  if (before === undefined) return `${table}: new ${JSON.stringify(after)}`;
  if (after === undefined) return `${table}: gone ${JSON.stringify(before)}`;
  const changed = Object.keys(before).filter((column) => before[column] !== after[column]);
  return `${table}: ${JSON.stringify(before)} → ${JSON.stringify(Object.fromEntries(changed.map((column) => [column, after[column]])))}`;
}

async function purgeDraft({ subject, options = {} }: PlanRequest, context: RecoveryContext): Promise<Draft> {
  const declared = cacheOf(context.system, subject.name);
  const parameters: PurgeParameters = {
    cache: subject.name,
    entries: declared.entries,
    keysPerSecond: numberOf(options.keysPerSecond) ?? walkDefaults.keysPerSecond,
    removalsPerSecond: numberOf(options.removalsPerSecond) ?? purgeDefaults.removalsPerSecond,
    budget: numberOf(options.budget) ?? purgeDefaults.budget,
    settleMs: numberOf(options.settleMs) ?? walkDefaults.settleMs,
    timeoutMs: purgeTimeoutMs,
  };
  const look = await lookAtCache(context, subject.name, parameters);
  const stale = look.entries.reduce((sum, { wrong, orphaned }) => sum + wrong + orphaned, 0);
  if (look.finding === undefined) throw nothingWrong(`The cache ${subject.name} matches the database.`);
  const seconds = Math.ceil(Math.min(stale, parameters.budget) / parameters.removalsPerSecond);
  return {
    because: [look.finding.title],
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: 0,
      statements: [
        `${stale} entries are removed, at most ${parameters.removalsPerSecond} a second (about ${seconds} s): each is a miss, and a query of the database when it is read next.`,
        "An entry is removed only if it still holds the wrong value at that moment.",
        ...look.entries.flatMap(({ samples }) => samples).map((sample) => JSON.stringify(sample)),
      ],
    },
    steps: [
      {
        id: "purge",
        kind: "redis.purge",
        title: `Remove ${stale} wrong entries from the cache ${subject.name}`,
        parameters: parameters as unknown as JsonObject,
        destructive: true,
      },
    ],
  };
}

function nothingWrong(what: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what,
    why: "Nothing was wrong at two looks, so there is nothing to repair.",
    next: "Nothing needs to be done.",
    details: { nothingWrong: true },
  });
}

/** Undefined where what was found a moment ago is right by now: whoever works with the data has put it right. */
export async function unlessNothingWrong<T>(planned: Promise<T>): Promise<T | undefined> {
  try {
    return await planned;
  } catch (error) {
    if (error instanceof BlackstartError && error.details.nothingWrong === true) return undefined;
    throw error;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;
}
