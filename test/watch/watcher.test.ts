import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, withConnection } from "../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { withLab } from "../support/lab.ts";
import { eventually, killServer, processesOf, signalAll, startNode, watching } from "./watching.ts";

/*
 * One cluster for the whole file: pg1 primary, pg2 synchronous, pg3 asynchronous. Each test leaves it well for the next
 * one, down to the last ones, which do not.
 */
let lab: Lab;
let release: () => void;
let living: Promise<void>;

before(async () => {
  const ready = Promise.withResolvers<Lab>();
  living = withLab({}, (made) => {
    ready.resolve(made);
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  living.catch(ready.reject);
  lab = await ready.promise;
});

after(async () => {
  release?.();
  await living;
});

const noPrimary = "critical cluster.no-primary cluster:ledger -> failover";

test("a healthy cluster: no findings, and every node is remembered with its role and its standbys", async () => {
  await watching(lab, async ({ until, observations, watcher }) => {
    await until();
    await eventually(() => {
      const pg1 = observations.findLast(({ node }) => node === "pg1");
      assert.equal(pg1?.role, "primary");
      assert.equal(pg1?.name, "pg1", "under which it would stream once it is a standby");
      assert.equal(pg1?.dataDirectory, lab.node("pg1").dataDirectory);
      assert.deepEqual(pg1?.standbys.map(({ node, syncState }) => `${node} ${syncState}`).toSorted(), [
        "pg2 sync",
        "pg3 async",
      ]);
      assert.equal(observations.findLast(({ node }) => node === "pg3")?.role, "standby");
    });
    assert.deepEqual(
      watcher.nodes().map(({ node, condition, role }) => `${node} ${condition} ${role}`),
      ["pg1 up primary", "pg2 up standby", "pg3 up standby"],
    );
  });
});

test("a cut connection to a living server is made again and is no finding", async () => {
  await watching(lab, async ({ changes }) => {
    const ownPid = () =>
      withConnection(lab.node("pg1").url, {}, (connection) =>
        connection.query<{ pid: number }>(
          "select pid from pg_stat_activity where application_name = 'blackstart watch'",
        ),
      );
    const [first] = await ownPid();
    assert.ok(first);
    await withConnection(lab.node("pg1").url, {}, (connection) =>
      connection.query(`select pg_terminate_backend(${first.pid})`),
    );
    await eventually(async () => {
      const [second] = await ownPid();
      assert.ok(second !== undefined && second.pid !== first.pid);
    });
    assert.deepEqual(changes, []);
  });
});

test("a crash of one backend: the server recovers by itself, and no failover is asked for", async () => {
  await watching(lab, async ({ until, changes }) => {
    await until();
    await withConnection(lab.node("pg1").url, {}, async (connection) => {
      const [own] = await connection.query<{ pid: number }>("select pg_backend_pid() as pid");
      assert.ok(own);
      process.kill(own.pid, "SIGKILL");
    }).catch(() => undefined /* killed, as wanted */);
    await eventually(() => withConnection(lab.node("pg1").url, {}, (one) => one.query("select").then(() => undefined)));
    await until();
    const codes = changes.flatMap(({ raised }) => raised).map(({ code }) => code);
    assert.ok(!codes.includes("cluster.no-primary"), codes.join());
  });
});

test("the asynchronous standby is dead: a warning, and cleared when it is back", async () => {
  await watching(lab, async ({ until, changes }) => {
    await until();
    await killServer(lab, "pg3");
    const [down] = await until("warning node.down node:ledger/pg3 -> restart");
    assert.ok(down?.lastGoodAt !== undefined && down.lastGoodAt <= down.seenAt);
    await startNode(lab, "pg3");
    await until();
    // It may have been seen starting in between.
    const cleared = changes.flatMap((change) => change.cleared).filter(({ code }) => code === "node.down");
    assert.deepEqual(cleared, [{ code: "node.down", subject: { kind: "node", name: "ledger/pg3" } }]);
  });
});

test("the synchronous standby is dead: commits hang, it says so with how many wait, and what to do", async () => {
  const client = await connect(lab.node("pg1").url);
  try {
    await client.query("create table if not exists written (id int)");
    await watching(lab, async ({ until, watcher }) => {
      await until();
      await killServer(lab, "pg2");
      const commit = client.query("insert into written values (1)", [], { timeoutMs: 30_000 });
      await until(
        "critical replication.synchronous-missing cluster:ledger -> degrade-synchronous",
        "warning node.down node:ledger/pg2 -> restart",
      );
      await eventually(() => {
        const finding = watcher.findings().find(({ code }) => code === "replication.synchronous-missing");
        assert.deepEqual(finding?.evidence[0], { label: "sessions waiting to commit", value: "1" });
        assert.match(finding?.title ?? "", /Commits on ledger hang.*pg2 missing/);
      });
      await startNode(lab, "pg2");
      await commit;
      await until();
    });
  } finally {
    await client.close();
  }
});

test("the primary is stopped, not dead: it hangs, and is well again when it goes on", async () => {
  await watching(lab, async ({ until, observations }) => {
    await until();
    const seen = () => observations.filter(({ node, standbys }) => node === "pg1" && standbys.length === 2).length;
    await eventually(() => assert.ok(seen() > 0));
    const before = seen();
    signalAll(lab, "pg1", "SIGSTOP");
    try {
      await until(noPrimary, "critical node.hanging node:ledger/pg1");
    } finally {
      signalAll(lab, "pg1", "SIGCONT");
    }
    await until();
    // A plan that was made meanwhile is for an outage that is over: that it is back has to be stored.
    await eventually(() => assert.ok(seen() > before));
  });
});

test("the synchronous standby is stopped: commits hang although its sender says that it streams", async () => {
  await watching(lab, async ({ until }) => {
    await until();
    signalAll(lab, "pg2", "SIGSTOP");
    try {
      await until(
        "critical replication.synchronous-missing cluster:ledger -> degrade-synchronous",
        "warning node.hanging node:ledger/pg2 -> restart",
      );
    } finally {
      signalAll(lab, "pg2", "SIGCONT");
    }
    await until();
  });
});

test("only the postmaster is stopped: open connections answer, new ones do not", async () => {
  await watching(
    lab,
    async ({ until }) => {
      await until();
      const [postmaster] = processesOf(lab, "pg1");
      assert.ok(postmaster);
      process.kill(postmaster, "SIGSTOP");
      try {
        await until("critical node.accepts-no-connections node:ledger/pg1 -> restart");
      } finally {
        process.kill(postmaster, "SIGCONT");
      }
      await until();
    },
    { heartbeat: 200 },
  );
});

test("the postmaster dies, a standby takes over, the old primary comes back as a second one, and at last all are dead", async () => {
  await watching(lab, async ({ until, changes, watcher }) => {
    await until();

    // The postmaster alone: its children say goodbye and go.
    const [postmaster] = processesOf(lab, "pg1");
    assert.ok(postmaster);
    process.kill(postmaster, "SIGKILL");
    const lost = await until(noPrimary, "critical node.down node:ledger/pg1");
    // What it said when it went is in the evidence when it arrived: a reset connection loses it (see classify.test.ts).
    const died = lost.find(({ code }) => code === "node.down");
    assert.match(died?.evidence[0]?.value ?? "", /^down: Nothing listens at its address/);
    assert.equal(changes.filter(({ raised }) => raised.length > 0).length, 1, "both findings come in one change");
    await eventually(() => assert.deepEqual(processesOf(lab, "pg1"), []));

    // A standby takes over: the service works again, the old primary is only a warning now.
    await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote(false)"));
    await withConnection(lab.node("pg2").url, {}, async (connection) => {
      await eventually(async () => {
        const [row] = await connection.query<{ up: boolean }>("select not pg_is_in_recovery() as up");
        assert.equal(row?.up, true);
      });
      await connection.query("alter system set synchronous_standby_names = ''");
      await connection.query("select pg_reload_conf()");
    });
    await eventually(() => {
      const codes = watcher.findings().map(({ severity, code }) => `${severity} ${code}`);
      assert.ok(codes.includes("warning node.down") && !codes.includes("critical cluster.no-primary"), codes.join());
    });

    // The old primary comes back as it was.
    await startNode(lab, "pg1");
    await eventually(() => {
      const two = watcher.findings().find(({ code }) => code === "roles.two-primaries");
      assert.equal(two?.severity, "critical");
      assert.deepEqual(two?.remedy, { kind: "demote", subject: { kind: "node", name: "ledger/pg1" } });
    });

    for (const node of ["pg1", "pg2", "pg3"]) signalAll(lab, node, "SIGKILL");
    await until("critical cluster.down cluster:ledger -> restart");
  });
});
