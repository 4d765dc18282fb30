import { BlackstartError } from "../base/error.ts";
import { delay, systemClock } from "../base/time.ts";
import type { Connection } from "../drivers/postgres/connection.ts";
import type { Finding } from "../finding/finding.ts";
import { invariantOf } from "../system/names.ts";
import type { Invariant } from "../system/schema.ts";
import type { LookContext } from "./context.ts";
import { withPrimary } from "./primary.ts";
import { textSettings } from "./repair/tables.ts";
import {
  asText,
  describeViolations,
  explained,
  identityOf,
  type Violation,
  type ViolationQuery,
} from "./violations.ts";

export type InvariantLook = Readonly<{
  invariant: string;
  cluster: string;
  /** Rows that were there at both looks. */
  count: number;
  /** Rows that were there at the first look only, or at the second only: work in progress. */
  passing: number;
  /** Up to 20 of them. */
  samples: readonly Violation[];
  /** Undefined when the invariant holds. */
  finding?: Finding;
}>;

export type InvariantOptions = Readonly<{
  /** Default: all. */
  names?: readonly string[];
  /** For each query. Default: 60 s. */
  statementTimeoutMs?: number;
  signal?: AbortSignal;
  /** Told of each invariant whose SQL is wrong; the others are looked at all the same. Default: the first one throws. */
  failed?: (error: BlackstartError) => void;
}>;

export const samplesKept = 20;

/** More violations than this are not compared between the two looks; the count is then of the second look. */
const comparedMax = 1_000_000;
const rowsAFetch = 5000;

/** Looks for violations of the system's invariants, twice each. Changes nothing. */
export async function lookForViolations(
  context: LookContext,
  options: InvariantOptions = {},
): Promise<readonly InvariantLook[]> {
  const names = options.names ?? Object.keys(context.system.invariants);
  const looks: InvariantLook[] = [];
  for (const name of names) {
    try {
      looks.push(await lookAtInvariant(context, name, options));
    } catch (error) {
      const itsOwn = error instanceof BlackstartError && error.details.invariant === name;
      if (options.failed === undefined || !itsOwn) throw error;
      options.failed(error);
    }
  }
  return looks;
}

/** @throws QUERY_FAILED or SYSTEM_FILE_INVALID when its SQL is wrong */
export async function lookAtInvariant(
  context: LookContext,
  name: string,
  options: InvariantOptions = {},
): Promise<InvariantLook> {
  const invariant = invariantOf(context.system, name);
  const timeoutMs = options.statementTimeoutMs ?? 60_000;
  return await withPrimary(context, invariant.cluster, {}, async ({ connection }) => {
    const settled = await settledViolations(connection, name, invariant, { timeoutMs, signal: options.signal });
    const { settled: count, passing, samples } = settled;
    const look = { invariant: name, cluster: invariant.cluster, count, passing, samples };
    if (count === 0) return look;
    return { ...look, finding: findingOf(context, name, invariant, settled) };
  });
}

export type SettledViolations = Readonly<{
  query: ViolationQuery;
  settled: number;
  passing: number;
  samples: readonly Violation[];
  /** The identities that were there at both looks; undefined when there were too many to compare. */
  identities: ReadonlySet<string> | undefined;
}>;

/**
 * Two looks, `settle` apart, each in one snapshot. A violation counts when it was there at both: what a client is in
 * the middle of (debited, not yet credited) is gone by the second look.
 */
export async function settledViolations(
  connection: Connection,
  name: string,
  invariant: Pick<Invariant, "violations" | "repair" | "settle">,
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<SettledViolations> {
  const { timeoutMs } = options;
  const query = await readOnly(connection, timeoutMs, () => describeViolations(connection, name, invariant));
  const first = new Set<string>();
  let firstCount = 0;
  await readOnly(connection, timeoutMs, () =>
    eachViolation(connection, name, query, timeoutMs, (violation) => {
      firstCount++;
      if (first.size <= comparedMax) first.add(identityOf(query, violation));
    }),
  );
  if (firstCount === 0) return { query, settled: 0, passing: 0, samples: [], identities: new Set() };

  const compared = first.size <= comparedMax;
  await delay(invariant.settle, options.signal);
  const identities = new Set<string>();
  const samples: Violation[] = [];
  let settled = 0;
  let secondCount = 0;
  await readOnly(connection, timeoutMs, () =>
    eachViolation(connection, name, query, timeoutMs, (violation) => {
      secondCount++;
      const identity = identityOf(query, violation);
      if (compared && !first.has(identity)) return;
      settled++;
      if (compared) identities.add(identity);
      if (samples.length < samplesKept) samples.push(violation);
    }),
  );
  const passing = compared ? Math.max(0, firstCount - settled) + (secondCount - settled) : 0;
  return { query, settled, passing, samples, identities: compared ? identities : undefined };
}

/** Reads the violations by a cursor, so that millions of them need no memory. Within a transaction. */
export async function eachViolation(
  connection: Connection,
  name: string,
  query: ViolationQuery,
  timeoutMs: number,
  take: (violation: Violation) => void,
): Promise<void> {
  const options = { timeoutMs: timeoutMs + 5000 };
  try {
    await connection.query(
      `declare blackstart_violations no scroll cursor for select ${asText(query)} from (\n${query.sql}\n) as v`,
      [],
      options,
    );
    for (;;) {
      const rows = await connection.query<Violation>(`fetch ${rowsAFetch} from blackstart_violations`, [], options);
      for (const row of rows) take(row);
      if (rows.length < rowsAFetch) break;
    }
    await connection.query("close blackstart_violations", [], options);
  } catch (error) {
    throw explained(name, error);
  }
}

async function readOnly<T>(connection: Connection, timeoutMs: number, look: () => Promise<T>): Promise<T> {
  await connection.query("begin isolation level repeatable read read only");
  try {
    await connection.query(`set local statement_timeout = ${Math.round(timeoutMs)}; ${textSettings}`);
    return await look();
  } finally {
    // Ends the transaction also after an error; if the connection is gone, so is the transaction.
    await connection.query("rollback").catch(() => undefined);
  }
}

function findingOf(
  context: LookContext,
  name: string,
  invariant: Invariant,
  { settled, passing, samples, identities }: SettledViolations,
): Finding {
  return {
    code: "recover.invariant-violated",
    severity: "critical",
    subject: { kind: "invariant", name },
    title: `${settled} ${settled === 1 ? "row violates" : "rows violate"} the invariant ${name} in ${invariant.cluster}`,
    evidence: [
      { label: "violations", value: String(settled) },
      ...(passing > 0 ? [{ label: "work in progress, not counted", value: String(passing) }] : []),
      ...(identities === undefined
        ? [{ label: "not compared", value: `more than ${comparedMax} rows: the count is of one look` }]
        : []),
      { label: "seen again after", value: `${invariant.settle} ms` },
      ...samples.map((sample) => ({ label: "sample", value: JSON.stringify(sample) })),
    ],
    ...(invariant.repair === undefined
      ? {}
      : { remedy: { kind: "repair-invariant", subject: { kind: "invariant" as const, name } } }),
    seenAt: (context.clock ?? systemClock).now(),
  };
}
