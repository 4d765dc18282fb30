import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Connection, connect, withConnection } from "../../src/drivers/postgres/connection.ts";
import type { Finding } from "../../src/finding/finding.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { loadSystem } from "../../src/system/load.ts";
import type { System } from "../../src/system/schema.ts";
import { thresholdsSchema } from "../../src/system/thresholds.ts";
import { runChecks } from "../../src/watch/check.ts";
import type { CheckContext } from "../../src/watch/checks/health-check.ts";
import { healthChecks } from "../../src/watch/checks/list.ts";
import { wraparound } from "../../src/watch/checks/wraparound.ts";
import { withLab } from "../support/lab.ts";
import { eventually } from "./watching.ts";

/*
 * Each health check against a real server that has the illness, as a role that has only pg_monitor, and against the
 * same server when it is well again. One cluster for the whole file; every test cures what it caused.
 */
let lab: Lab;
let release: () => void;
let living: Promise<void>;
let admin: Connection;

before(async () => {
  const ready = Promise.withResolvers<Lab>();
  const settings = {
    max_prepared_transactions: "5",
    max_connections: "30",
    archive_mode: "on",
    archive_command: "true",
    autovacuum: "on",
  };
  living = withLab({ standbys: ["asynchronous"], settings }, (made) => {
    ready.resolve(made);
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  living.catch(ready.reject);
  lab = await ready.promise;
  admin = await connect(lab.node("pg1").url, { queryTimeoutMs: 30_000 });
  await admin.query("create role watcher login");
  await admin.query("grant pg_monitor to watcher");
});

after(async () => {
  await admin?.close();
  release?.();
  await living;
});

/** What a watcher with pg_monitor sees, on one node or of the cluster, except what is so on every trial cluster. */
async function look(
  thresholds: Readonly<Record<string, number>> = {},
  change: (system: System) => System = (one) => one,
) {
  const loaded = change(await loadSystem(lab.systemFile));
  const [cluster] = Object.values(loaded.clusters);
  assert.ok(cluster);
  const nodes = Object.fromEntries(
    Object.entries(cluster.nodes).map(([name, node]) => [
      name,
      { ...node, url: node.url.replace("//blackstart@", "//watcher@") },
    ]),
  );
  const system: System = {
    ...loaded,
    clusters: { ledger: { ...cluster, nodes } },
    watch: {
      ...loaded.watch,
      thresholds: { ...loaded.watch.thresholds, ...thresholds },
      ignore: ["settings.unsafe", "settings.pending-restart"],
    },
  };
  return asDeclared(await runChecks(system));
}

const declared = new Map(healthChecks.flatMap(({ finds }) => Object.entries(finds)));

/** What a check finds is as grave as it says of itself: docs/checks.md is made of that. */
function asDeclared(findings: readonly Finding[]): readonly Finding[] {
  for (const { code, severity } of findings)
    if (declared.has(code)) assert.ok(declared.get(code)?.severities.includes(severity), `${severity} ${code}`);
  return findings;
}

function codesOf(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ severity, code, subject }) => `${severity} ${code} ${subject.name}`).toSorted();
}

async function assertWell(thresholds: Readonly<Record<string, number>> = {}): Promise<void> {
  // The statistics of a session that has just ended may take a moment to go.
  await eventually(async () => assert.deepEqual(codesOf(await look(thresholds)), []));
}

async function assertIll(expected: string, thresholds: Readonly<Record<string, number>> = {}): Promise<Finding> {
  let found: Finding | undefined;
  await eventually(async () => {
    const findings = await look(thresholds);
    assert.deepEqual(codesOf(findings), [expected]);
    [found] = findings;
  });
  assert.ok(found);
  return found;
}

async function withClient<T>(use: (client: Connection) => Promise<T>): Promise<T> {
  return withConnection(lab.node("pg1").url, { queryTimeoutMs: 30_000 }, use);
}

test("a healthy cluster is silent, and every check could be run by a role with pg_monitor alone", async () => {
  await assertWell();
});

test("connections: running out, and none left", async () => {
  await assertWell({ "connections.usedPercent": 60 });
  const clients = await Promise.all(Array.from({ length: 18 }, () => connect(lab.node("pg1").url)));
  try {
    const finding = await assertIll("warning connections.used ledger/pg1", { "connections.usedPercent": 60 });
    assert.match(finding.title, /\d+ of 25 are in use/);
    await assertIll("critical connections.exhausted ledger/pg1", {
      "connections.usedPercent": 60,
      "connections.usedPercentCritical": 70,
    });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
});

test("slots: one that nobody reads, one that keeps too much, one that is lost", async () => {
  await admin.query("select pg_create_physical_replication_slot('forgotten', true)");
  try {
    const idle = await assertIll("info slots.inactive ledger/pg1");
    assert.match(idle.title, /forgotten/);
    await admin.query("create table if not exists filler as select repeat('x', 1000) from generate_series(1, 3000)");
    await assertIll("warning slots.retaining ledger/pg1", { "slots.retainedBytes": 1_000_000 });
    await assertIll("critical slots.retaining ledger/pg1", {
      "slots.retainedBytes": 1_000_000,
      "slots.retainedBytesCritical": 1_000_000,
    });
    await admin.query("alter system set max_slot_wal_keep_size = '1MB'");
    await admin.query("alter system set wal_keep_size = '0'");
    await admin.query("select pg_reload_conf()");
    await eventually(async () => {
      await admin.query("insert into filler select repeat('x', 1000) from generate_series(1, 3000)");
      await admin.query("select pg_switch_wal()");
      await admin.query("checkpoint");
      const codes = codesOf(await look());
      assert.ok(codes.includes("critical slots.lost ledger/pg1"), codes.join());
    });
  } finally {
    await admin.query("select pg_drop_replication_slot('forgotten')");
    await admin.query("alter system reset max_slot_wal_keep_size");
    await admin.query("alter system reset wal_keep_size");
    await admin.query("select pg_reload_conf()");
  }
  await assertWell();
});

test("transactions: left idle, and long", async () => {
  await withClient(async (client) => {
    await client.query("begin");
    await client.query("select 1");
    const idle = await assertIll("warning transactions.idle ledger/pg1", { "transactions.idleSeconds": 0.1 });
    assert.match(idle.title, /^A transaction on pg1 has been idle/);
    await assertIll("warning transactions.long ledger/pg1", { "transactions.longSeconds": 0.1 });
    await assertWell();
    await client.query("rollback");
  });
  await assertWell({ "transactions.idleSeconds": 0.1 });
});

test("locks: who waits, and who at the head of the queue blocks", async () => {
  await admin.query("create table if not exists locked (id int)");
  await withClient(async (holder) => {
    await holder.query("begin");
    await holder.query("lock table locked in access exclusive mode");
    const [own] = await holder.query<{ pid: number }>("select pg_backend_pid() as pid");
    await Promise.all([
      withClient((one) => one.query("select * from locked")),
      withClient((one) => one.query("select * from locked")),
      (async () => {
        const finding = await assertIll("warning locks.waiting ledger/pg1", { "locks.waitSeconds": 0.1 });
        assert.match(finding.title, new RegExp(`process ${own?.pid} holds it`));
        await assertWell();
        await holder.query("rollback");
      })(),
    ]);
  });
  await assertWell({ "locks.waitSeconds": 0.1 });
});

test("prepared transactions: left behind, and holding the vacuum horizon", async () => {
  const thresholds = { "prepared.ageSeconds": 0.1 };
  await assertWell(thresholds);
  await admin.query("create table if not exists pending (id int)");
  await admin.query("begin");
  await admin.query("insert into pending values (1)");
  await admin.query("prepare transaction 'left-behind'");
  try {
    const finding = await assertIll("warning prepared.old ledger/pg1", thresholds);
    assert.equal(finding.evidence[0]?.label, "left-behind");
    await burnTransactions(300);
    const horizon = await assertIll("warning wraparound.horizon ledger/pg1", { "wraparound.horizonTransactions": 200 });
    assert.equal(horizon.evidence[0]?.label, "held by prepared transaction");
  } finally {
    await admin.query("rollback prepared 'left-behind'");
  }
  await assertWell({ ...thresholds, "wraparound.horizonTransactions": 200 });
});

test("wraparound: the oldest transaction grows too old, and who holds it back", async () => {
  await burnTransactions(2000);
  const thresholds = { "wraparound.transactions": 2000 };
  await assertIll("warning wraparound.transactions ledger/pg1", thresholds);
  await assertIll("critical wraparound.transactions ledger/pg1", {
    ...thresholds,
    "wraparound.transactionsCritical": 2000,
  });
  // template0 takes no connections, so its age goes down with the next autovacuum only.
  await assertWell({ "wraparound.transactions": 100_000 });
});

test("integers: a sequence and an identity column near their end, by the smaller of sequence and column", async () => {
  await admin.query("create table narrow (id smallint generated by default as identity)");
  await admin.query("create table wide (id bigserial)");
  await admin.query("create sequence counting as bigint owned by none");
  try {
    await admin.query("grant usage on all sequences in schema public to watcher");
    await admin.query("select setval('wide_id_seq', 30000), setval('counting', 30000)");
    await assertWell();
    await admin.query("select setval('narrow_id_seq', 30000)");
    const finding = await assertIll("warning integers.overflow ledger/pg1");
    assert.match(finding.title, /^narrow\.id on pg1 has used 91 %/);
    await admin.query("select setval('narrow_id_seq', 32000)");
    await assertIll("critical integers.overflow ledger/pg1");
    await admin.query("revoke usage on sequence narrow_id_seq from watcher");
    await assertIll("info integers.unreadable ledger/pg1");
  } finally {
    await admin.query("drop table narrow, wide");
    await admin.query("drop sequence counting");
  }
  await assertWell();
});

test("indexes: one that a failed CREATE INDEX CONCURRENTLY left behind", async () => {
  await admin.query("create table doubled as select 1 as id from generate_series(1, 2)");
  await assert.rejects(admin.query("create unique index concurrently doubled_id on doubled (id)"));
  const finding = await assertIll("warning indexes.invalid ledger/pg1");
  assert.match(finding.title, /public\.doubled_id on pg1 is invalid/);
  await admin.query("drop table doubled");
  await assertWell();
});

test("archiver: failing, too slow, and well again", async () => {
  const { dataDirectory } = lab.node("pg1");
  const segment = async () => {
    await admin.query("create table if not exists archived (id int)");
    await admin.query("insert into archived values (1)");
    await admin.query("select pg_switch_wal()");
  };
  // The archiver reads its new command when it comes to it: it is given segments until it has run this one.
  let commands = 0;
  const archiveBy = async (command: string) => {
    const mark = `ran-${++commands}`;
    await admin.query(`alter system set archive_command = 'touch ${mark}; ${command}'`);
    await admin.query("select pg_reload_conf()");
    await eventually(async () => {
      await segment();
      assert.ok(existsSync(join(dataDirectory, mark)), `the archiver has not run ${command} yet`);
    });
  };
  try {
    await archiveBy("false");
    const failing = await assertIll("warning archive.failing ledger/pg1");
    assert.match(failing.title, /pg1 cannot archive its WAL/);
    await archiveBy("true");
    await assertWell({ "archive.readySegments": 2 });
    await archiveBy("until test -e go-on; do sleep 0.1; done");
    await segment();
    await segment();
    await assertIll("warning archive.waiting ledger/pg1", { "archive.readySegments": 2 });
  } finally {
    await writeFile(join(dataDirectory, "go-on"), "");
    await archiveBy("true");
  }
});

test("replication: a paused replay, and a receiver that gets nothing", async () => {
  await withConnection(lab.node("pg2").url, {}, async (standby) => {
    await standby.query("select pg_wal_replay_pause()");
    try {
      await assertIll("warning replication.replay-paused ledger/pg2");
    } finally {
      await standby.query("select pg_wal_replay_resume()");
    }
    const [{ conninfo } = { conninfo: "" }] = await standby.query<{ conninfo: string }>(
      "select current_setting('primary_conninfo') as conninfo",
    );
    const connectBy = async (text: string) => {
      await standby.query(`alter system set primary_conninfo = '${text.replaceAll("'", "''")}'`);
      await standby.query("select pg_reload_conf()");
    };
    await connectBy("host=127.0.0.1 port=1");
    try {
      const finding = await assertIll("warning replication.not-streaming ledger/pg2");
      assert.equal(finding.remedy?.kind, "rejoin");
    } finally {
      await connectBy(conninfo);
    }
  });
  await assertWell();
});

test("a refused login is told, and is not taken for an outage", async () => {
  await admin.query("create role barred");
  const findings = await look({}, (system) => {
    const [cluster] = Object.values(system.clusters);
    assert.ok(cluster);
    const nodes = Object.entries(cluster.nodes).map(([name, node]) => [
      name,
      { ...node, url: node.url.replace("//blackstart@", "//barred@") },
    ]);
    return { ...system, clusters: { ledger: { ...cluster, nodes: Object.fromEntries(nodes) } } };
  });
  assert.deepEqual(codesOf(findings), [
    "warning cluster.primary-unknown ledger",
    "warning node.access-refused ledger/pg1",
    "warning node.access-refused ledger/pg2",
  ]);
});

test("settings: a pending restart, and a standby that differs", async () => {
  await withConnection(lab.node("pg2").url, {}, async (standby) => {
    await standby.query("alter system set work_mem = '9MB'");
    await standby.query("select pg_reload_conf()");
    try {
      const finding = await assertIll("info settings.differ ledger");
      assert.match(finding.title, /work_mem/);
    } finally {
      await standby.query("alter system reset work_mem");
      await standby.query("select pg_reload_conf()");
    }
  });
  await assertWell();
});

test("settings: unsafe ones are critical where the data counts, and a mere remark on a trial node", async () => {
  const remarks = codesOf(await lookUnfiltered(true));
  assert.deepEqual(remarks, ["info settings.unsafe ledger/pg1", "info settings.unsafe ledger/pg2"]);
  const earnest = codesOf(await lookUnfiltered(false));
  assert.deepEqual(earnest, ["critical settings.unsafe ledger/pg1", "critical settings.unsafe ledger/pg2"]);
});

test("checksums: a page that is damaged on the disk is found when it is read", async () => {
  await admin.query("create table damaged as select repeat('x', 500) as text from generate_series(1, 100)");
  await admin.query("checkpoint");
  const [file] = await admin.query<{ path: string; checksums: string }>(
    "select pg_relation_filepath('damaged') as path, current_setting('data_checksums') as checksums",
  );
  assert.equal(file?.checksums, "on", "the lab keeps checksums");
  const [database] = await admin.query<{ oid: number }>(
    "select oid from pg_database where datname = current_database()",
  );
  assert.ok(database);
  await damage(join(lab.node("pg1").dataDirectory, file?.path ?? ""));
  await assert.rejects(
    withClient((one) => one.query("select sum(length(text)) from damaged")),
    /invalid page/,
  );
  const finding = await assertIll("critical checksums.failed ledger/pg1");
  assert.equal(finding.evidence.length, 1);
  await admin.query("drop table damaged");
  await admin.query("select pg_stat_reset()");
  await assertWell();
});

test("wraparound: at its end nothing is left, and that is said", () => {
  const rows = [{ kind: "transactions", name: "ledger", age: String(2 ** 31 - 1) }];
  const context = { one: { node: "pg1" }, thresholds: thresholdsSchema.parse(undefined) } as unknown as CheckContext;
  assert.match(wraparound.judge(rows, context)[0]?.title ?? "", /wraparound: every write is refused\.$/);
});

test("every check has a name of its own, and codes that no other has", () => {
  const names = healthChecks.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const codes = healthChecks.flatMap(({ finds }) => Object.keys(finds));
  assert.equal(new Set(codes).size, codes.length);
});

async function lookUnfiltered(expendable: boolean): Promise<readonly Finding[]> {
  const loaded = await loadSystem(lab.systemFile);
  const [cluster] = Object.values(loaded.clusters);
  assert.ok(cluster);
  const nodes = Object.fromEntries(
    Object.entries(cluster.nodes).map(([name, node]) => [name, { ...node, expendable }]),
  );
  return asDeclared(await runChecks({ ...loaded, clusters: { ledger: { ...cluster, nodes } } }));
}

async function burnTransactions(count: number): Promise<void> {
  // A procedure commits as often as it likes; each needs a number of its own.
  await admin.query(`do $$ begin for i in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`);
}

/** A page of garbage at the end: one that no buffer holds, so it is read from the disk. */
async function damage(path: string): Promise<void> {
  await appendFile(path, Buffer.alloc(8192, 0x5a));
}

test("recovery: a target that a restore left behind, and a standby.signal of a living primary", async () => {
  await assertWell();
  try {
    await admin.query("alter system set recovery_target_time = '2020-01-01 00:00:00+00'");
    await admin.query("alter system set recovery_target_action = 'promote'");
    // A role with pg_monitor alone sees what is in force; the files are for those who may read pg_file_settings.
    await assertWell();
    await admin.query("grant select on pg_file_settings to watcher");
    await admin.query("grant execute on function pg_show_all_file_settings() to watcher");
    const left = await assertIll("warning recovery.ends-by-itself ledger/pg1");
    assert.match(left.title, /started as a standby, promotes itself instead of following/);
    assert.match(left.evidence[0]?.value ?? "", /recovery_target_time = 2020-01-01 00:00:00\+00/);
  } finally {
    await admin.query("alter system reset all");
  }
  await admin.query("grant execute on function pg_stat_file(text, boolean) to watcher");
  const signal = join(lab.node("pg1").dataDirectory, "standby.signal");
  await appendFile(signal, "");
  try {
    await assertIll("warning recovery.marked-as-standby ledger/pg1");
  } finally {
    await rm(signal);
  }
  await assertWell();
});
