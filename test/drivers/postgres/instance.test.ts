import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { createFleet, type Fleet } from "../../../src/drivers/fleet.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { type Instance, knownState } from "../../../src/drivers/postgres/instance.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { loadSystem } from "../../../src/system/load.ts";
import { withLab } from "../../support/lab.ts";
import { noPostgres, postgresVersions } from "../../support/postgres-versions.ts";

for (const { title, binaries, skip } of postgresVersions) {
  describe(`an instance of ${title}`, { skip }, () => {
    test("is seen running, halted, orphaned and down", () =>
      withInstances({ binaries, standbys: ["asynchronous"] }, async ({ lab, pg1, pg2 }) => {
        const running = await knownState(pg1);
        assert.equal(running.state, "running");
        assert.ok(running.pids.includes(running.postmasterPid as number));
        assert.equal(running.standbySignal, false);
        assert.equal((await pg2.inspect()).standbySignal, true);

        for (const pid of running.pids) process.kill(pid, "SIGSTOP");
        assert.equal((await pg1.inspect()).state, "stopped-processes");
        // The children are still halted: they cannot notice that their postmaster is gone.
        process.kill(running.postmasterPid as number, "SIGKILL");
        await until(async () => (await pg1.inspect()).state === "orphans");
        assert.ok((await knownState(pg1)).pids.length > 0);

        const segment = segmentOf(lab);
        await pg1.kill();
        assert.deepEqual(await pg1.inspect(), { state: "down", pids: [], standbySignal: false });
        assert.ok(!segmentExists(segment));
        await pg1.kill();
        assert.equal((await pg2.inspect()).state, "running");
      }));

    test("that ends while it is looked at is down, and not unknown", () =>
      withInstances({ binaries, standbys: [] }, async ({ lab, pg1 }) => {
        const { pids } = await knownState(pg1);
        const programs = join(lab.directory, "programs");
        mkdirSync(programs);
        const ended = `case $(cat.real /proc/$pid/stat 2>/dev/null) in ""|*") Z "*) break ;; esac`;
        const kill = `kill -9 ${pids.join(" ")} 2>/dev/null; for pid in ${pids.join(" ")}; do while :; do ${ended}; done; done`;
        symlinkSync("/bin/cat", join(programs, "cat.real"));
        writeFileSync(join(programs, "cat"), `#!/bin/sh\n${kill}\nexec cat.real "$@"\n`, { mode: 0o755 });
        const { PATH } = process.env;
        process.env.PATH = `${programs}:${PATH}`;
        try {
          assert.equal((await pg1.inspect()).state, "down");
        } finally {
          process.env.PATH = PATH;
        }
      }));

    test("does not take a person's shell in the data directory for a server, and spares it", () =>
      withInstances({ binaries, standbys: [] }, async ({ lab, pg1 }) => {
        const shell = spawn("sleep", ["600"], { cwd: lab.node("pg1").dataDirectory, stdio: "ignore" });
        try {
          await new Promise((resolve) => shell.once("spawn", resolve));
          assert.ok(!(await knownState(pg1)).pids.includes(shell.pid as number));
          await pg1.kill();
          assert.equal((await pg1.inspect()).state, "down");
          assert.equal(shell.exitCode ?? shell.signalCode, null);
        } finally {
          await end(shell);
        }
      }));

    test("is stopped and started, with its log kept; starting what runs is no error", () =>
      withInstances({ binaries, standbys: [] }, async ({ lab, pg1 }) => {
        await pg1.stop("fast", 10_000);
        assert.equal((await pg1.control()).clusterState, "shut down");
        await pg1.start(60_000);
        await pg1.start(60_000);
        assert.equal(await count(lab, "pg1", "select 1"), 1);
        await pg1.stop("immediate", 10_000);
        assert.equal((await pg1.control()).clusterState, "in production");
        await pg1.stop("fast", 10_000);
        await pg1.start(60_000);
      }));

    test("that does not start says why, in its log's own words", () =>
      withInstances({ binaries, standbys: [] }, async ({ pg1 }) => {
        await pg1.stop("fast", 10_000);
        await pg1.writeSettings({ shared_preload_libraries: "no_such_library" });
        await assert.rejects(pg1.start(60_000), (error: Error & { code: string; why: string }) => {
          assert.equal(error.code, "HOST_COMMAND_FAILED");
          assert.match(error.why, /no_such_library/);
          return true;
        });
        assert.equal((await pg1.inspect()).state, "down");
      }));

    test("reads pg_control as the server itself does", () =>
      withInstances({ binaries, standbys: [] }, async ({ lab, pg1 }) => {
        const [row] = await withConnection(lab.node("pg1").url, {}, (connection) =>
          connection.query<Record<string, string | number>>(
            `select system_identifier::text as id, checkpoint_lsn::text as checkpoint, redo_lsn::text as redo, timeline_id as timeline
             from pg_control_system(), pg_control_checkpoint()`,
          ),
        );
        const control = await pg1.control();
        assert.deepEqual(
          [control.systemIdentifier, control.checkpointLsn, control.redoLsn, control.timelineId],
          [row?.id, row?.checkpoint, row?.redo, row?.timeline],
        );
        assert.equal(Math.floor(control.version / 10_000), Number.parseInt(await version(lab), 10));
      }));

    test("says whose directory it is, in one look with its state as well", () =>
      withInstances({ binaries, standbys: [] }, async ({ lab, pg1 }) => {
        const identity = await pg1.identity();
        assert.equal(identity.system, (await pg1.control()).systemIdentifier);
        assert.equal(identity.lock?.port, lab.node("pg1").port);
        assert.equal(identity.lock?.dataDirectory, lab.node("pg1").dataDirectory);
        assert.match(identity.directory ?? "", /^[0-9a-f-]{36}:\d+:\d+$/);
        assert.deepEqual((await pg1.remains()).identity, identity);
      }));

    test("is cloned anew and follows; the old directory lies aside, and it keeps its own settings", () =>
      withInstances({ binaries, standbys: ["asynchronous", "asynchronous"] }, async ({ lab, pg1, pg2, pg3 }) => {
        await diverge(lab, pg1);
        const port = lab.node("pg2").port;
        const source = { url: lab.node("pg2").url, replication: `host=127.0.0.1 port=${port} user=replicator` };
        await assert.rejects(pg3.clone({ ...source, instance: pg2 }, { timeoutMs: 30_000 }), {
          code: "NOT_POSSIBLE_NOW",
        });
        const { movedAside } = await pg1.clone({ ...source, instance: pg2 }, { timeoutMs: 30_000 });
        assert.ok(movedAside !== undefined && existsSync(join(movedAside, "PG_VERSION")));
        assert.equal((await pg1.inspect()).standbySignal, true);
        await follow(lab, pg1, port);
        await until(() => hasRows(lab, "pg1", [1, 2]));
        assert.equal(statSync(pg1.dataDirectory).mode & 0o777, 0o700);
      }));

    test("keeps its log once under a label, and everything", () =>
      withInstances({ binaries, standbys: [] }, async ({ lab, pg1 }) => {
        await pg1.kill();
        const kept = await pg1.keep("failover-x", "wal");
        assert.ok(kept.bytes > 1024 * 1024);
        const wal = readdirSync(join(lab.node("pg1").dataDirectory, "pg_wal"));
        assert.deepEqual(readdirSync(join(kept.directory, "pg_wal")).sort(), wal.sort());
        assert.ok(existsSync(join(kept.directory, "global", "pg_control")));
        const before = statSync(kept.directory).mtimeMs;
        // Half-made by a process that was killed: not to be taken for a whole one.
        mkdirSync(`${kept.directory.replace("wal", "everything")}.part`);
        assert.equal((await pg1.keep("failover-x", "wal")).directory, kept.directory);
        assert.equal(statSync(kept.directory).mtimeMs, before);
        const all = await pg1.keep("failover-x", "everything");
        assert.ok(existsSync(join(all.directory, "base")) && existsSync(join(all.directory, "PG_VERSION")));
        // Another plan, and the same state: it is there already. What was written since is not.
        assert.deepEqual(await pg1.keep("failover-y", "everything"), all);
        assert.deepEqual(await pg1.keep("failover-y", "wal"), all);
        await pg1.start(60_000);
        await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create table t (i int)"));
        await pg1.kill();
        assert.equal(
          (await pg1.keep("failover-y", "everything")).directory,
          all.directory.replace("failover-x", "failover-y"),
        );
      }));
  });
}

describe("an instance", { skip: noPostgres }, () => {
  test("whose configuration lies elsewhere, as Debian's, starts with it", () =>
    withInstances({ standbys: [] }, async ({ lab, pg1 }) => {
      await pg1.stop("fast", 10_000);
      const { dataDirectory } = lab.node("pg1");
      const elsewhere = join(dataDirectory, "..", "etc");
      mkdirSync(elsewhere);
      const configFile = join(elsewhere, "postgresql.conf");
      renameSync(join(dataDirectory, "postgresql.conf"), configFile);
      const system = await loadSystem(lab.systemFile);
      const binaries = system.clusters.ledger?.nodes.pg1?.binaries;
      const place = {
        host: localHost(),
        node: "pg1",
        dataDirectory,
        configFile,
        binaries,
        start: undefined,
        stop: undefined,
      };
      const instance = openInstance(place);
      for (let start = 1; start <= 2; start++) {
        await instance.start(60_000);
        assert.equal(await count(lab, "pg1", "select 1"), 1);
        await instance.stop("fast", 10_000);
      }
      const words = readFileSync(join(dataDirectory, "postmaster.opts"), "utf8");
      assert.equal(words.split("config_file").length, 2, words);
    }));

  test("that the system file has commands for is started and stopped by them", () =>
    withInstances({ standbys: [] }, async ({ lab, pg1 }) => {
      const { dataDirectory } = lab.node("pg1");
      const mark = join(lab.directory, "marks");
      const system = await loadSystem(lab.systemFile);
      const binaries = system.clusters.ledger?.nodes.pg1?.binaries ?? "";
      const asOwner = process.getuid?.() === 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups" : "";
      const start = `echo start >>'${mark}'; setsid ${asOwner} '${binaries}/postgres' -D '${dataDirectory}' >/dev/null 2>&1 </dev/null &`;
      const stop = `echo stop >>'${mark}'; kill -INT $(head -n 1 '${dataDirectory}/postmaster.pid')`;
      const own = openInstance({
        host: localHost(),
        node: "pg1",
        dataDirectory,
        configFile: undefined,
        binaries,
        start,
        stop,
      });
      await own.stop("fast", 10_000);
      assert.equal((await pg1.inspect()).state, "down");
      await own.start(60_000);
      assert.equal(await count(lab, "pg1", "select 1"), 1);
      assert.equal(readFileSync(mark, "utf8"), "stop\nstart\n");
    }));

  test("has no data where there is none", async () => {
    const place = { configFile: undefined, binaries: undefined, start: undefined, stop: undefined };
    const nowhere = openInstance({ host: localHost(), node: "x", dataDirectory: "/nonexistent/data", ...place });
    assert.equal((await nowhere.inspect()).state, "no-data");
    await assert.rejects(nowhere.markStandby(), { code: "HOST_COMMAND_FAILED" });
    await assert.rejects(nowhere.control(), { code: "HOST_COMMAND_FAILED" });
  });

  test("that runs and does not stream says why, once, in its log's own words, and where that lies", () =>
    withInstances({ standbys: ["asynchronous"] }, async ({ pg2 }) => {
      await pg2.stop("fast", 10_000);
      await pg2.writeSettings({ primary_slot_name: "nowhere" });
      assert.equal(await pg2.setting("primary_slot_name"), "nowhere");
      await pg2.start(60_000);
      const said = /replication slot "nowhere" does not exist/;
      await until(async () => (await pg2.lastErrors()).lines.some((line) => said.test(line)));
      const { file, lines } = await pg2.lastErrors();
      assert.equal(file, `${pg2.dataDirectory}.log`);
      assert.equal(lines.filter((line) => said.test(line)).length, 1, lines.join("\n"));
    }));

  test("marked as a standby starts as one, and settings are set in place of the old", () =>
    withInstances({ standbys: [] }, async ({ lab, pg1 }) => {
      await pg1.kill();
      await pg1.markStandby();
      await pg1.markStandby();
      await pg1.writeSettings({ primary_conninfo: "host=x", work_mem: "5MB" });
      await pg1.writeSettings({ primary_conninfo: "host='it''s' \\ x" });
      await pg1.start(60_000);
      const [row] = await withConnection(lab.node("pg1").url, {}, (connection) =>
        connection.query<Record<string, unknown>>(
          "select pg_is_in_recovery() as standby, current_setting('primary_conninfo') as conninfo, current_setting('work_mem') as memory",
        ),
      );
      assert.deepEqual(row, { standby: true, conninfo: "host='it''s' \\ x", memory: "5MB" });
      await assert.rejects(pg1.writeSettings({ x: "a\nb" }), { code: "USAGE" });
    }));
});

const rewinding = postgresVersions[0];

describe("rewinding", { skip: rewinding?.skip ?? true }, () => {
  const options = { binaries: rewinding?.binaries ?? "", standbys: ["asynchronous"] as const };

  test("brings a killed primary back behind the new one, with its own settings and logs", () =>
    withInstances(options, async ({ lab, pg1 }) => {
      await diverge(lab, pg1);
      assert.equal(await pg1.canRewind(), true);
      mkdirSync(join(pg1.dataDirectory, "log"));
      writeFileSync(join(pg1.dataDirectory, "log", "own.log"), "what happened here\n");
      const { uid, gid } = statSync(pg1.dataDirectory);
      for (const path of ["log", "log/own.log"]) chownSync(join(pg1.dataDirectory, path), uid, gid);
      const settings = readFileSync(join(pg1.dataDirectory, "postgresql.conf"), "utf8");
      // Where the url leads elsewhere on that machine.
      const nowhere = pg1.rewind(lab.node("pg2").url, { timeoutMs: 30_000 }, { host: "127.0.0.1", port: 1 });
      await assert.rejects(nowhere, { why: /port 1 failed/ });
      await pg1.rewind(lab.node("pg2").url, { timeoutMs: 30_000 });
      assert.equal(readFileSync(join(pg1.dataDirectory, "postgresql.conf"), "utf8"), settings);
      assert.equal(readFileSync(join(pg1.dataDirectory, "log", "own.log"), "utf8"), "what happened here\n");
      assert.equal((await pg1.inspect()).standbySignal, true);
      assert.deepEqual(readdirSync(join(pg1.dataDirectory, "..")).sort(), ["data", "data.log"]);
      await follow(lab, pg1, lab.node("pg2").port);
      await until(() => hasRows(lab, "pg1", [1, 2]));
    }));

  test("of what needs none changes nothing and ends well, also when begun again", () =>
    withInstances(options, async ({ lab, pg1, pg2 }) => {
      await pg1.stop("fast", 10_000);
      await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote()"));
      await pg1.markStandby();
      await pg1.rewind(lab.node("pg2").url, { timeoutMs: 30_000 });
      await pg1.rewind(lab.node("pg2").url, { timeoutMs: 30_000 });
      await follow(lab, pg1, lab.node("pg2").port);
      assert.equal((await pg2.inspect()).state, "running");
    }));

  test("from a source that does not answer leaves the server as it was, and shows no password", () =>
    withInstances(options, async ({ pg1 }) => {
      await pg1.kill();
      await assert.rejects(
        pg1.rewind("postgres://blackstart:hunter2@127.0.0.1:1/postgres", { timeoutMs: 30_000 }),
        (error: Error) => {
          assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /hunter2/);
          return true;
        },
      );
      assert.equal((await pg1.inspect()).standbySignal, false);
      await pg1.start(60_000);
    }));

  test("interrupted at its worst leaves what does not start, and is ended by beginning again", () =>
    withInstances(options, async ({ lab, pg1 }) => {
      await diverge(lab, pg1);
      await pg1.markStandby();
      const settings = readFileSync(join(pg1.dataDirectory, "postgresql.conf"), "utf8");
      const { binaries } = options;
      const place = { host: localHost(), node: "pg1", dataDirectory: pg1.dataDirectory };
      const broken = openInstance({
        ...place,
        configFile: undefined,
        binaries: dyingRewind(lab, binaries),
        start: undefined,
        stop: undefined,
      });
      await assert.rejects(broken.rewind(lab.node("pg2").url, { timeoutMs: 30_000 }), {
        code: "HOST_COMMAND_FAILED",
        next: /half rewound/,
      });
      await assert.rejects(pg1.start(60_000), (error: Error & { why: string }) => {
        assert.match(error.why, /invalid data in file "backup_label"/);
        return true;
      });
      await pg1.rewind(lab.node("pg2").url, { timeoutMs: 30_000 });
      await follow(lab, pg1, lab.node("pg2").port);
      await until(() => hasRows(lab, "pg1", [1, 2]));
      assert.equal(readFileSync(join(pg1.dataDirectory, "postgresql.conf"), "utf8"), settings);
    }));

  test("that ends before pg_rewind begins leaves the settings as they were; meanwhile the guard says what it is", () =>
    withInstances(options, async ({ lab, pg1 }) => {
      await diverge(lab, pg1);
      const { dataDirectory } = pg1;
      const settings = readFileSync(join(dataDirectory, "postgresql.auto.conf"), "utf8");
      const single = `case $1 in --single) cp "$4/postgresql.auto.conf" "$4/seen"; exit 1 ;; esac; exec "${options.binaries}/postgres" "$@"`;
      const binaries = programsWith(lab, options.binaries, "postgres", single);
      const place = { host: localHost(), node: "pg1", dataDirectory, binaries, start: undefined, stop: undefined };
      const broken = openInstance({ ...place, configFile: undefined });
      await assert.rejects(broken.rewind(lab.node("pg2").url, { timeoutMs: 30_000 }), {
        message: "pg1 on local: recovering it from its own log failed.",
      });
      assert.equal(readFileSync(join(dataDirectory, "postgresql.auto.conf"), "utf8"), settings);
      const seen = readFileSync(join(dataDirectory, "seen"), "utf8");
      assert.match(seen, /^# .*\n# .*blackstart plan resume.*\nshared_preload_libraries = 'blackstart_is_rewinding/m);
      await pg1.rewind(lab.node("pg2").url, { timeoutMs: 30_000 });
    }));

  test("of a standby that was killed is refused, and writes nothing into its primary's timeline; stopped it can be", () =>
    withInstances(options, async ({ lab, pg1, pg2 }) => {
      await pg2.kill();
      await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("select pg_switch_wal()"));
      const before = await pg2.control();
      assert.equal(before.clusterState, "in archive recovery");
      assert.equal(await pg2.canRewind(), false);
      const source = lab.node("pg1").url;
      await assert.rejects(pg2.rewind(source, { timeoutMs: 30_000 }), { code: "NOT_POSSIBLE_NOW", why: /timeline/ });
      assert.deepEqual(await pg2.control(), before);
      await pg2.start(60_000);
      await pg2.stop("fast", 20_000);
      assert.equal(await pg2.canRewind(), true);
      await pg2.rewind(source, { timeoutMs: 30_000 });
      assert.equal((await pg1.inspect()).state, "running");
    }));

  test("of a running server is refused", () =>
    withInstances(options, async ({ lab, pg2 }) => {
      await assert.rejects(pg2.rewind(lab.node("pg1").url, { timeoutMs: 30_000 }), { code: "NOT_POSSIBLE_NOW" });
    }));
});

type Instances = Readonly<{ lab: Lab; fleet: Fleet; pg1: Instance; pg2: Instance; pg3: Instance }>;

async function withInstances(options: Parameters<typeof withLab>[0], use: (instances: Instances) => Promise<void>) {
  await withLab(options, async (lab) => {
    const fleet = createFleet(await loadSystem(lab.systemFile));
    const named = async (name: string) =>
      lab.nodes.some((node) => node.name === name)
        ? ((await fleet.instance("ledger", name)) as Instance)
        : ({} as Instance);
    try {
      await use({ lab, fleet, pg1: await named("pg1"), pg2: await named("pg2"), pg3: await named("pg3") });
    } finally {
      await fleet.close();
    }
  });
}

/** Programs whose pg_rewind is killed in the middle, when it has removed and overwritten what it does. */
function dyingRewind(lab: Lab, binaries: string): string {
  const script = `data=\${1#--target-pgdata=}
echo 'pg_rewind: rewinding from last common checkpoint at 0/0 on timeline 1'
rm -f "$data/standby.signal"
printf "%s\\n" "port = 19999" "listen_addresses = '127.0.0.1'" "unix_socket_directories = ''" >"$data/postgresql.conf"
: >"$data/postgresql.auto.conf"
kill -9 $$`;
  return programsWith(lab, binaries, "pg_rewind", script);
}

/** The programs of this folder, with a shell script in place of one. */
function programsWith(lab: Lab, binaries: string, replaced: string, script: string): string {
  const folder = join(lab.directory, "programs");
  mkdirSync(folder);
  for (const name of readdirSync(binaries)) symlinkSync(join(binaries, name), join(folder, name));
  rmSync(join(folder, replaced));
  writeFileSync(join(folder, replaced), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

/** 1 is on both, 2 on the new primary, 99 on the old one only: pg2 becomes the primary, while pg1 has written what pg2 never got; then pg1 is killed. */
async function diverge(lab: Lab, pg1: Instance): Promise<void> {
  const old = lab.node("pg1").url;
  await withConnection(old, {}, (connection) => connection.query("create table t as select 1 as i"));
  await until(async () => (await count(lab, "pg2", "select 1 from pg_class where relname = 't'")) === 1);
  await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote()"));
  await withConnection(old, {}, (connection) => connection.query("insert into t values (99)"));
  await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("insert into t values (2)"));
  await pg1.kill();
}

/** What streams at this moment may end at a fork of the timelines: only the rows tell that it follows. */
async function follow(lab: Lab, instance: Instance, port: number): Promise<void> {
  const conninfo = `host=127.0.0.1 port=${port} user=replicator application_name=${instance.node}`;
  await instance.writeSettings({ primary_conninfo: conninfo });
  await instance.start(60_000);
  const streaming = "select 1 from pg_stat_wal_receiver where status = 'streaming'";
  await until(async () => (await count(lab, instance.node, streaming)) === 1);
}

async function hasRows(lab: Lab, node: string, expected: readonly number[]): Promise<boolean> {
  return withConnection(lab.node(node).url, {}, async (connection) => {
    const rows = await connection.query<{ i: number }>("select i from t order by i");
    return JSON.stringify(rows.map(({ i }) => i)) === JSON.stringify(expected);
  });
}

async function count(lab: Lab, node: string, query: string): Promise<number> {
  return withConnection(lab.node(node).url, {}, async (connection) => (await connection.query(query)).length);
}

async function version(lab: Lab): Promise<string> {
  const [row] = await withConnection(lab.node("pg1").url, {}, (connection) =>
    connection.query<{ server_version: string }>("show server_version"),
  );
  return row?.server_version ?? "";
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await holds()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(held, "the state was not reached within 60 s");
}

function segmentOf(lab: Lab): string {
  const line = readFileSync(join(lab.node("pg1").dataDirectory, "postmaster.pid"), "utf8").split("\n")[6] ?? "";
  return line.trim().split(/\s+/)[1] ?? "";
}

function segmentExists(id: string): boolean {
  return readFileSync("/proc/sysvipc/shm", "utf8")
    .split("\n")
    .some((line) => line.trim().split(/\s+/)[1] === id);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
