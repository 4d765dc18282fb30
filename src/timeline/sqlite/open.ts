import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BlackstartError } from "../../base/error.ts";
import { bootClockMs } from "./boot-clock.ts";
import { sqliteCode, sqliteCodeOf, storeUnusable } from "./errors.ts";
import { applicationId, fromVersion1, schema, schemaVersion } from "./schema.ts";

/**
 * Opens the file of a timeline, or makes it: directory 0700, file 0600, both known to the disk before this returns.
 * Never changes a file that is not a timeline. Throws STORE_UNUSABLE with the reason.
 */
export function openFile(file: string, busyTimeoutMs: number): DatabaseSync {
  refuseBrokenSqlite();
  let database: DatabaseSync | undefined;
  try {
    createFile(file);
    database = new DatabaseSync(file);
    database.exec(`pragma busy_timeout = ${busyTimeoutMs}`);
    if (isEmpty(database)) initialise(database, file, busyTimeoutMs);
    database.exec("pragma synchronous = full");
    migrate(database);
    assertOurs(database, file);
    return database;
  } catch (error) {
    database?.close();
    throw storeUnusable(file, "The timeline cannot be opened", error);
  }
}

/** The library in use; Node may be linked against the system's. */
export function sqliteVersion(): string {
  const database = new DatabaseSync(":memory:");
  try {
    return String(database.prepare("select sqlite_version() as version").get()?.version);
  } finally {
    database.close();
  }
}

/**
 * SQLite 3.7.0 to 3.51.2 can corrupt a WAL file that two connections write and checkpoint at the same moment
 * (sqlite.org/wal.html#walresetbug). This store always has more than one connection.
 */
export function hasWalBug(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const number = major * 1_000_000 + minor * 1_000 + patch;
  return number >= 3_007_000 && number <= 3_051_002;
}

function refuseBrokenSqlite(): void {
  const version = sqliteVersion();
  if (!hasWalBug(version)) return;
  throw new BlackstartError("STORE_UNUSABLE", {
    what: `SQLite ${version} can corrupt the timeline`,
    why: "Versions 3.7.0 to 3.51.2 have a bug that damages a WAL file used by two connections.",
    next: "Use the Node that comes with Blackstart, or one whose process.versions.sqlite is 3.51.3 or later.",
    details: { version },
  });
}

function createFile(file: string): void {
  const directory = dirname(file);
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  const existed = statSync(file, { throwIfNoEntry: false }) !== undefined;
  // Opened for writing also when it exists: who may only read gets the error here, not at the first append.
  closeSync(openSync(file, "a", 0o600));
  if (!existed) syncDirectory(directory);
  if (made !== undefined) syncUpTo(dirname(made), directory);
}

/** A new file survives a power cut only when the directories that lead to it are on disk too. */
function syncUpTo(top: string, directory: string): void {
  for (let current = dirname(directory); current.length >= top.length; current = dirname(current)) {
    syncDirectory(current);
    if (current === top || current === dirname(current)) return;
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return (
    numberOf(database, "pragma application_id") === 0 && numberOf(database, "select count(*) from sqlite_schema") === 0
  );
}

/** Several processes may arrive here at once; one makes the tables, the others find them made. */
function initialise(database: DatabaseSync, file: string, busyTimeoutMs: number): void {
  // A commit writes whole pages, each with its checksum, and touches one for every stream: small ones are cheaper.
  database.exec("pragma page_size = 1024");
  enterWalMode(database, busyTimeoutMs);
  database.exec("pragma synchronous = full; begin immediate");
  try {
    if (isEmpty(database)) database.exec(schema);
    database.exec("commit");
  } catch (error) {
    if (database.isTransaction) database.exec("rollback");
    throw storeUnusable(file, "The timeline cannot be made", error);
  }
}

/** Several processes may arrive here at once; one changes the tables, the others find them changed. */
function migrate(database: DatabaseSync): void {
  const isOld = () =>
    numberOf(database, "pragma application_id") === applicationId && numberOf(database, "pragma user_version") === 1;
  if (!isOld()) return;
  database.exec("begin immediate");
  try {
    if (isOld()) database.exec(fromVersion1(Date.now(), bootClockMs()));
    database.exec("commit");
  } catch (error) {
    if (database.isTransaction) database.exec("rollback");
    throw error;
  }
}

/** The change of mode needs the file for itself for a moment and does not honour busy_timeout in every case. */
function enterWalMode(database: DatabaseSync, timeoutMs: number): void {
  const deadline = performance.now() + timeoutMs;
  const gate = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      const mode = database.prepare("pragma journal_mode = wal").get()?.journal_mode;
      if (mode === "wal") return;
      throw new Error(`the file system does not allow WAL mode (it stays ${mode}); use a local disk`);
    } catch (error) {
      if (sqliteCodeOf(error) !== sqliteCode.busy || performance.now() > deadline) throw error;
      Atomics.wait(gate, 0, 0, 5);
    }
  }
}

function assertOurs(database: DatabaseSync, file: string): void {
  const id = numberOf(database, "pragma application_id");
  const version = numberOf(database, "pragma user_version");
  if (id === applicationId && version === schemaVersion) return;
  const foreign = id !== applicationId;
  throw new BlackstartError("STORE_UNUSABLE", {
    what: foreign
      ? `This file is not a timeline of Blackstart: ${file}`
      : `The timeline was written by another version of Blackstart: ${file}`,
    why: foreign
      ? "It is a SQLite database of some other program; it was left as it is."
      : `Its schema is version ${version}; this Blackstart knows version ${schemaVersion}.`,
    next: foreign ? "Give another file, or move this one away." : "Use the Blackstart that wrote it, or a newer one.",
    details: { file, applicationId: id, schemaVersion: version },
  });
}

function numberOf(database: DatabaseSync, query: string): number {
  const statement = database.prepare(query);
  statement.setReturnArrays(true);
  return Number((statement.get() as unknown as readonly unknown[])[0]);
}
