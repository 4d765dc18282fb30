import { BlackstartError } from "../../base/error.ts";
import { delay, systemClock } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { Invariant } from "../../system/schema.ts";
import type { LookContext } from "../context.ts";
import { eachViolation, settledViolations } from "../invariants.ts";
import { connectPrimary } from "../primary.ts";
import {
  boundRepair,
  explained,
  identityOf,
  repairStatements,
  type Violation,
  type ViolationQuery,
} from "../violations.ts";
import { type BeforeImageWriter, writeBeforeImage } from "./before-image.ts";
import { repairLimits, retried } from "./limits.ts";
import { readImages, type RowChange, type TableChanges, TooManyRows } from "./images.ts";
import { assignedXid, makeXidDurable, serverIdentity } from "./proof.ts";
import { beginBoth } from "./snapshot.ts";
import type { Row } from "./tables.ts";
import { readCounts, touchedTables } from "./touched.ts";
import { tryUndo, type UndoTrial } from "./undo-trial.ts";

export type RepairRequest = Readonly<{
  plan: string;
  invariant: string;
  cluster: string;
  violations: string;
  repair: readonly string[];
  settleMs: number;
  /** Commits; otherwise everything is rolled back, and whether it could be undone is tried before. */
  apply?: Readonly<{
    /** The before-image's file. */
    file: string;
    /** More violations than were approved are refused. */
    violationsMax: number;
    /** Commits although not every changed row's image could be kept. */
    acceptDoubts: boolean;
    /** It was promised that it can be undone: where that turns out not to be so, nothing is committed. */
    promisesUndo?: boolean;
    /** Called right before the commit. */
    assertHeld(): Promise<void>;
  }>;
  scanBytesMax?: number;
  rowsMax?: number;
  statementTimeoutMs?: number;
  signal?: AbortSignal;
}>;

export type RepairReport = Readonly<{
  violations: number;
  tables: readonly TableChanges[];
  samples: readonly RowChange[];
  notes: readonly string[];
  /** Why the images may not be whole; empty when they are proven whole. */
  doubts: readonly string[];
  /** Undefined where it was not tried. */
  undo?: UndoTrial;
  /** The transaction, when it was committed and had changed something. */
  xid: string | null;
}>;

const samplesMax = 20;

/**
 * Repairs every settled violation in one transaction; a dry run is the same transaction, rolled back. Two looks come
 * first, so that what a client is in the middle of is left alone.
 */
export async function repairInvariant(context: LookContext, request: RepairRequest): Promise<RepairReport> {
  repairStatements(request.invariant, request.repair);
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptRepair(context, request);
    } catch (error) {
      const sqlstate = error instanceof BlackstartError ? error.details.sqlstate : undefined;
      if (typeof sqlstate !== "string" || !retried.has(sqlstate) || attempt >= repairLimits.attempts) throw error;
      await delay(50 * attempt, request.signal);
    }
  }
}

async function attemptRepair(context: LookContext, request: RepairRequest): Promise<RepairReport> {
  const timeoutMs = request.statementTimeoutMs ?? repairLimits.statementTimeoutMs;
  const options = { queryTimeoutMs: timeoutMs + 5000 };
  const { connection: repairer, node } = await connectPrimary(context, request.cluster, options);
  let observer: Connection | undefined;
  try {
    const invariant: Pick<Invariant, "violations" | "repair" | "settle"> = {
      violations: request.violations,
      repair: [...request.repair],
      settle: request.settleMs,
    };
    const settled = await settledViolations(repairer, request.invariant, invariant, {
      timeoutMs,
      signal: request.signal,
    });
    if (settled.settled === 0) return { violations: 0, tables: [], samples: [], notes: [], doubts: [], xid: null };
    if (settled.identities === undefined) throw tooMany(request, "more violations than can be compared");
    observer = await context.fleet.connect(request.cluster, node, options);
    return await transact(context, request, repairer, observer, settled.query, settled.identities, timeoutMs);
  } finally {
    await Promise.all([repairer.close(), observer?.close()]);
  }
}

async function transact(
  context: LookContext,
  request: RepairRequest,
  repairer: Connection,
  observer: Connection,
  query: ViolationQuery,
  settled: ReadonlySet<string>,
  timeoutMs: number,
): Promise<RepairReport> {
  const { lockTimeoutMs } = repairLimits;
  const { xmax } = await beginBoth(repairer, observer, { timeoutMs, lockTimeoutMs });
  let writer: BeforeImageWriter | undefined;
  try {
    const counts = await readCounts(repairer);
    const before = await violationsNow(repairer, request.invariant, query, timeoutMs);
    const chosen = [...before].filter(([identity]) => settled.has(identity)).map(([, violation]) => violation);
    if (request.apply && chosen.length > request.apply.violationsMax)
      throw tooMany(request, `${chosen.length} violations, where ${request.apply.violationsMax} were approved`);
    await runRepair(repairer, request, query, chosen);
    await mustHoldNow(repairer, request, query, before, chosen, timeoutMs);

    const xid = await assignedXid(repairer);
    const touched = await touchedTables(repairer, counts);
    writer = request.apply && xid !== null ? await writeBeforeImage(request.apply.file) : undefined;
    const tables = touched.tables.map(({ table: { name, columns, key } }) => ({ name, columns, key }));
    await writer?.write({
      ...(await headerOf(context, request, repairer)),
      xid: xid ?? "",
      violations: chosen.length,
      tables,
    });
    for (const row of chosen) await writer?.write({ kind: "violation", row });
    const limits = {
      scanBytesMax: request.scanBytesMax ?? repairLimits.scanBytesMax,
      rowsMax: request.rowsMax ?? repairLimits.rowsMax,
      timeoutMs: timeoutMs + 5000,
    };
    const triesUndo = request.apply === undefined || request.apply.promisesUndo === true;
    const changes = new Map(tables.map((table) => [table.name, { table, before: [] as Row[], after: [] as Row[] }]));
    const images = await readImages(repairer, observer, xmax, touched.tables, {
      ...limits,
      samplesMax,
      take: async (kind, table, row) => {
        await writer?.write({ kind, table: table.name, row });
        if (triesUndo) changes.get(table.name)?.[kind].push(row);
      },
    });
    const doubts = [...touched.doubts, ...images.doubts];
    if (request.apply && doubts.length > 0 && !request.apply.acceptDoubts) throw doubtful(request, doubts);
    const tried = triesUndo && doubts.length === 0;
    const undo = tried ? await tryUndo(repairer, observer, { xmax, counts }, [...changes.values()], limits) : undefined;
    const report = { ...images, doubts, violations: chosen.length, xid: null, ...(undo === undefined ? {} : { undo }) };
    if (!request.apply) return report;
    if (request.apply.promisesUndo && undo?.possible !== true)
      throw notUndoable(request, undo?.why ?? doubts.join(" "));
    await observer.query("rollback");
    await makeXidDurable(observer, request.plan);
    await writer?.finish();
    writer = undefined;
    await request.apply.assertHeld();
    await repairer.query("commit");
    return { ...report, xid };
  } catch (error) {
    throw error instanceof TooManyRows ? tooMany(request, error.message) : error;
  } finally {
    await writer?.discard();
    // After a commit there is nothing to roll back; if the connection is gone, so is the transaction.
    await Promise.all([repairer, observer].map((each) => each.query("rollback").catch(() => undefined)));
  }
}

async function violationsNow(
  connection: Connection,
  name: string,
  query: ViolationQuery,
  timeoutMs: number,
): Promise<ReadonlyMap<string, Violation>> {
  const found = new Map<string, Violation>();
  await eachViolation(connection, name, query, timeoutMs, (row) => void found.set(identityOf(query, row), row));
  return found;
}

async function runRepair(
  connection: Connection,
  request: RepairRequest,
  query: ViolationQuery,
  chosen: readonly Violation[],
): Promise<void> {
  const statements = repairStatements(request.invariant, request.repair).map((each) => boundRepair(query, each));
  try {
    for (const violation of chosen) {
      request.signal?.throwIfAborted();
      for (const { text, columns } of statements)
        await connection.query(
          text,
          columns.map((column) => violation[column] ?? null),
        );
    }
    // What is deferred to the commit (constraints, triggers) happens now, so that it is seen.
    await connection.query("set constraints all immediate");
  } catch (error) {
    throw explained(request.invariant, error);
  }
}

/** The repaired violations are gone, and the repair has made no new ones. */
async function mustHoldNow(
  connection: Connection,
  request: RepairRequest,
  query: ViolationQuery,
  before: ReadonlyMap<string, Violation>,
  chosen: readonly Violation[],
  timeoutMs: number,
): Promise<void> {
  const after = await violationsNow(connection, request.invariant, query, timeoutMs);
  const left = chosen.filter((violation) => after.has(identityOf(query, violation)));
  const made = [...after].filter(([identity]) => !before.has(identity)).map(([, violation]) => violation);
  const [first] = [...left, ...made];
  if (first === undefined) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The repair of ${request.invariant} does not work: ${left.length} violations are still there, ${made.length} are new.`,
    why: `For example ${JSON.stringify(first)}. Everything was rolled back.`,
    next: "Correct `repair` in blackstart.yaml and look at the dry run again.",
    details: { left: left.length, made: made.length },
  });
}

async function headerOf(context: LookContext, request: RepairRequest, connection: Connection) {
  return {
    kind: "repair" as const,
    plan: request.plan,
    invariant: request.invariant,
    cluster: request.cluster,
    at: (context.clock ?? systemClock).now(),
    ...(await serverIdentity(connection)),
  };
}

function tooMany(request: RepairRequest, why: string): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair of ${request.invariant} was refused: ${why}.`,
    why: "Only what was shown and approved is changed. Nothing was changed.",
    next: `Plan it again: \`blackstart recover invariants ${request.invariant}\`, and look at the dry run.`,
  });
}

function notUndoable(request: RepairRequest, why: string): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair of ${request.invariant} was rolled back: it could not be undone afterwards, as the plan promises.`,
    why: `${why}.`,
    next: `Plan it again: \`blackstart recover invariants ${request.invariant}\`; the new plan says that it cannot be undone.`,
  });
}

function doubtful(request: RepairRequest, doubts: readonly string[]): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair of ${request.invariant} was rolled back: not every row that it changes could be kept.`,
    why: doubts.join(" "),
    next: "Let the role read these tables or raise the limit; or plan it with acceptIncompleteImage, which cannot be undone in full.",
  });
}
