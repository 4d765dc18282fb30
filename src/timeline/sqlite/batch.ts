import type { DatabaseSync, StatementSync } from "node:sqlite";
import { identityFromText, isKnownDead } from "./holder.ts";
import type {
  AppendOperation,
  GrantOperation,
  Operation,
  Outcome,
  ReleaseOperation,
  RenewOperation,
} from "./protocol.ts";

type LeaseRow = readonly [token: number, untilMs: number, process: string];

/**
 * Carries out operations in one transaction, so that all of them share one fsync. Each is checked before it writes
 * its first row: one that conflicts leaves nothing behind and does not disturb the others. Whatever throws here (a
 * full disk, a lock that does not come free) undoes the whole batch.
 */
export function createBatch(database: DatabaseSync, nowMs: () => number) {
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const statements = prepare(database);
  let dataVersion: number | undefined;

  return (operations: readonly Operation[]): Outcome[] => {
    begin.run();
    try {
      const [current] = statements.dataVersion.get() as unknown as readonly [number];
      // Another connection has committed: what is remembered of the streams may be old.
      if (current !== dataVersion || statements.heads.size > headsMax) statements.heads.clear();
      dataVersion = current;
      const outcomes = operations.map((operation) => apply(statements, operation, nowMs()));
      commit.run();
      return outcomes;
    } catch (error) {
      statements.heads.clear();
      // SQLite itself has rolled back after some errors (sqlite.org/lang_transaction.html).
      if (database.isTransaction) database.exec("rollback");
      throw error;
    }
  };
}

/** Of so many streams the version is remembered between transactions. */
const headsMax = 10_000;

type Statements = { readonly heads: Map<string, number> } & Readonly<
  Record<"dataVersion" | "head" | "insert" | "lease" | "grant" | "renew" | "release", StatementSync>
>;

function prepare(database: DatabaseSync): Statements {
  const head = database.prepare("select max(version) from events where stream = ?");
  head.setReturnArrays(true);
  const lease = database.prepare("select token, until_ms, process from leases where name = ?");
  lease.setReturnArrays(true);
  const dataVersion = database.prepare("pragma data_version");
  dataVersion.setReturnArrays(true);
  return {
    heads: new Map(),
    dataVersion,
    head,
    lease,
    insert: database.prepare("insert into events (stream, version, at, by, kind, data) values (?, ?, ?, ?, ?, ?)"),
    grant: database.prepare(
      "insert or replace into leases (name, token, holder, process, until_ms) values (?, ?, ?, ?, ?)",
    ),
    renew: database.prepare("update leases set until_ms = ? where name = ?"),
    release: database.prepare("update leases set until_ms = 0 where name = ? and token = ?"),
  };
}

function apply(statements: Statements, operation: Operation, nowMs: number): Outcome {
  switch (operation.kind) {
    case "append":
      return append(statements, operation, nowMs);
    case "grant":
      return grant(statements, operation, nowMs);
    case "renew":
      return renew(statements, operation, nowMs);
    case "release":
      return release(statements, operation);
  }
}

function append(statements: Statements, operation: AppendOperation, nowMs: number): Outcome {
  const { stream, expected, fields, under } = operation;
  if (under !== undefined) {
    const why = lossOf(leaseRow(statements, under.name), under.token, nowMs);
    if (why !== undefined) return { kind: "lost", why };
  }
  const actual = headOf(statements, stream);
  if (expected >= 0 && expected !== actual) return { kind: "conflict", actual };
  let position = 0;
  for (let index = 0, version = actual + 1; index < fields.length; index += 4, version += 1) {
    const [at, by, kind, data] = [fields[index], fields[index + 1], fields[index + 2], fields[index + 3]];
    const added = statements.insert.run(stream, version, at as string, by as string, kind as string, data as string);
    if (index === 0) position = Number(added.lastInsertRowid);
  }
  statements.heads.set(stream, actual + fields.length / 4);
  return { kind: "appended", position, version: actual + 1 };
}

function headOf(statements: Statements, stream: string): number {
  const known = statements.heads.get(stream);
  if (known !== undefined) return known;
  const [head] = statements.head.get(stream) as unknown as readonly [number | null];
  return head ?? 0;
}

function grant(statements: Statements, operation: GrantOperation, nowMs: number): Outcome {
  const row = leaseRow(statements, operation.name);
  if (row !== undefined && row[1] > nowMs) {
    const identity = identityFromText(row[2]);
    if (identity === undefined || !isKnownDead(identity)) return { kind: "held" };
  }
  const token = (row?.[0] ?? 0) + 1;
  statements.grant.run(operation.name, token, operation.holder, operation.process, nowMs + operation.ttlMs);
  return { kind: "granted", token };
}

function renew(statements: Statements, operation: RenewOperation, nowMs: number): Outcome {
  const why = lossOf(leaseRow(statements, operation.name), operation.token, nowMs);
  if (why !== undefined) return { kind: "lost", why };
  statements.renew.run(nowMs + operation.ttlMs, operation.name);
  return { kind: "renewed" };
}

function release(statements: Statements, operation: ReleaseOperation): Outcome {
  statements.release.run(operation.name, operation.token);
  return { kind: "released" };
}

function leaseRow(statements: Statements, name: string): LeaseRow | undefined {
  return statements.lease.get(name) as unknown as LeaseRow | undefined;
}

function lossOf(row: LeaseRow | undefined, token: number, nowMs: number): string | undefined {
  if (row === undefined) return "there is no such lease";
  if (row[0] !== token) return "another holder has taken it over";
  if (row[1] <= nowMs) return "it ran out before it was renewed";
  return undefined;
}
