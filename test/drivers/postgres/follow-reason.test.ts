import assert from "node:assert/strict";
import { test } from "node:test";
import { type FollowReason, followReasonIn } from "../../../src/drivers/postgres/follow-reason.ts";
import { errorsSinceStart } from "../../../src/drivers/postgres/instance/last-errors.ts";

/* As servers from 13 to 18 have said it. */
const cases: readonly [FollowReason["kind"], string][] = [
  [
    "diverged",
    "LOG:  new timeline 2 forked off current database system timeline 1 before current recovery point 0/30FE618",
  ],
  ["diverged", "FATAL:  requested timeline 2 is not a child of this server's history"],
  [
    "diverged",
    "FATAL:  could not start WAL streaming: ERROR:  requested starting point 0/3000000 on timeline 1 is not in this server's history",
  ],
  [
    "diverged",
    "ERROR:  requested starting point 0/5000000 is ahead of the WAL flush position of this server 0/4FFFF18",
  ],
  ["diverged", "FATAL:  highest timeline 1 of the primary is behind recovery timeline 2"],
  [
    "wal-gone",
    "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000003 has already been removed",
  ],
  ["disk-full", 'FATAL:  could not write to file "pg_wal/000000010000000000000007": No space left on device'],
  ["other-system", "FATAL:  database system identifier differs between the primary and standby"],
  ["slot", 'FATAL:  could not start WAL streaming: ERROR:  replication slot "pg3" does not exist'],
  [
    "not-let-in",
    'FATAL:  streaming replication receiver "pg3" could not connect to the primary server: connection to server at "127.0.0.1", port 5432 failed: FATAL:  pg_hba.conf rejects replication connection for host "127.0.0.1", user "replicator", no encryption',
  ],
  [
    "not-let-in",
    'FATAL:  could not connect to the primary server: FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.3", user "r", SSL off',
  ],
  [
    "password",
    'FATAL:  could not connect to the primary server: FATAL:  password authentication failed for user "replicator"',
  ],
  ["password", "FATAL:  could not connect to the primary server: fe_sendauth: no password supplied"],
  ["role", 'FATAL:  could not connect to the primary server: FATAL:  role "replicator" does not exist'],
  ["role", "FATAL:  could not connect to the primary server: FATAL:  permission denied to start WAL sender"],
  ["busy", "FATAL:  could not connect to the primary server: FATAL:  the database system is starting up"],
  [
    "busy",
    'FATAL:  could not connect to the primary server: FATAL:  number of requested standby connections exceeds "max_wal_senders" (currently 2)',
  ],
  ["settings", "FATAL:  recovery aborted because of insufficient parameter settings"],
  ["conninfo", 'FATAL:  could not connect to the primary server: invalid connection option "sslfoo"'],
  ["tls", "FATAL:  could not connect to the primary server: server does not support SSL, but SSL was required"],
  [
    "address",
    'FATAL:  streaming replication receiver "pg3" could not connect to the primary server: connection to server at "127.0.0.1", port 1 failed: Connection refused',
  ],
];

for (const [kind, said] of cases)
  test(`${kind}: ${said}`, () => {
    assert.deepEqual(followReasonIn(["FATAL:  something else", said]), { kind, said });
  });

test("what is not known is not classified", () => {
  assert.equal(followReasonIn([]), undefined);
  assert.equal(followReasonIn(["FATAL:  konnte nicht mit dem Primärserver verbinden"]), undefined);
});

test("the newest line that is known tells", () => {
  const [old, later] = ["FATAL:  x: Connection refused", 'FATAL:  replication slot "a" does not exist'];
  assert.equal(followReasonIn([old, later, "ERROR:  division by zero"])?.kind, "slot");
});

test("only what a server has said since its start counts, whatever its language", () => {
  const at = "2026-11-20 03:00:00.000 UTC [7] ";
  const before = `${at}FATAL:  requested WAL segment 000000010000000000000003 has already been removed`;
  const start = `${at}LOG:  starte PostgreSQL 15.18 on x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit`;
  const after = `${at}FATAL:  password authentication failed for user "r"`;
  const told = `${at}LOG:  new timeline 2 forked off current database system timeline 1 before current recovery point 0/3`;
  // What a reload has changed is told as well, with every word of the new value.
  const changed = `${at}LOG:  parameter "primary_conninfo" changed to "host='::1' ssl_min_protocol_version='TLSv1.2'"`;
  const lines = [before, start, `${at}LOG:  ready`, changed, after, after.replace("[7]", "[8]"), told];
  assert.deepEqual(errorsSinceStart(lines), [after.slice(at.length), told.slice(at.length)]);
});
