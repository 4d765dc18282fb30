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
import { readImages, type RowChange, type TableChanges, TooManyRows } from "./images.ts";
import { assignedXid, makeXidDurable, serverIdentity } from "./proof.ts";
import { textSettings } from "./tables.ts";
import { readCounts, touchedTables } from "./touched.ts";

export type RepairRequest = Readonly<{
  plan: string;
  invariant: string;
  cluster: string;
  violations: string;
  repair: readonly string[];
  settleMs: number;
  /** Commits; otherwise everything is rolled back. */
  apply?: Readonly<{
    /** The before-image's file. */
    file: string;
    /** More violations than were approved are refused. */
    violationsMax: number;
    /** Commits although not every changed row's image could be kept. */
    acceptDoubts: boolean;
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
  /** The transaction, when it was committed and had changed something. */
  xid: string | null;
}>;

export const repairLimits = {
  scanBytesMax: 1024 ** 3,
  rowsMax: 1_000_000,
  statementTimeoutMs: 60_000,
  /** For a row that somebody else holds. */
  lockTimeoutMs: 2000,
  attempts: 5,
} as const;

const samplesMax = 20;

/** Serialization failure, deadlock, lock not available: somebody else was at the same rows. */
const retried = new Set(["40001", "40P01", "55P03"]);

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
  const snapshot = await beginBoth(repairer, observer, timeoutMs);
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
    const images = await readImages(repairer, observer, snapshot.xmax, touched.tables, {
      scanBytesMax: request.scanBytesMax ?? repairLimits.scanBytesMax,
      rowsMax: request.rowsMax ?? repairLimits.rowsMax,
      timeoutMs: timeoutMs + 5000,
      samplesMax,
      take: async (kind, table, row) => writer?.write({ kind, table: table.name, row }),
    });
    const report = { ...images, doubts: [...touched.doubts, ...images.doubts], violations: chosen.length, xid: null };
    if (!request.apply) return report;
    if (report.doubts.length > 0 && !request.apply.acceptDoubts) throw doubtful(request, report.doubts);
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

/** Both transactions see the same world; the repairer has no xid yet, so whatever it writes is younger than that. */
async function beginBoth(repairer: Connection, observer: Connection, timeoutMs: number): Promise<{ xmax: string }> {
  const limits = `set local statement_timeout = ${timeoutMs}; set local idle_in_transaction_session_timeout = ${2 * timeoutMs}`;
  await repairer.query("begin isolation level repeatable read read write");
  const [row] = await repairer.query<{ snapshot: string; xmax: string }>(
    "select pg_export_snapshot() as snapshot, pg_snapshot_xmax(pg_current_snapshot())::text as xmax",
  );
  if (row === undefined) throw new Error("pg_export_snapshot answered nothing");
  await observer.query("begin isolation level repeatable read read only");
  await observer.query(`set transaction snapshot '${row.snapshot.replaceAll("'", "''")}'`);
  await observer.query(`${limits}; set local lock_timeout = ${repairLimits.lockTimeoutMs}; ${textSettings}`);
  await repairer.query(`${limits}; set local lock_timeout = ${repairLimits.lockTimeoutMs}; ${textSettings}`);
  return { xmax: row.xmax };
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

function doubtful(request: RepairRequest, doubts: readonly string[]): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair of ${request.invariant} was rolled back: not every row that it changes could be kept.`,
    why: doubts.join(" "),
    next: "Let the role read these tables or raise the limit; or plan it with acceptIncompleteImage, which cannot be undone in full.",
  });
}
