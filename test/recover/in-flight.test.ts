import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { BlackstartError } from "../../src/base/error.ts";
import type { Host } from "../../src/drivers/host/host.ts";
import type { Instance } from "../../src/drivers/postgres/instance.ts";
import { lookInFlight } from "../../src/recover/in-flight.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { fleetOf, servers, systemOf, withServer } from "./support.ts";

/** A host that runs its commands here, so that the reading through commands is tried without a second machine. */
const shellHost: Host = {
  reference: "ssh://somewhere",
  run: async ({ script, args = [] }) => {
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", script, "sh", ...args], {
      encoding: "utf8",
      maxBuffer: 2 ** 20,
    });
    return { code: status ?? 1, stdout, stderr };
  },
};

for (const [version, binaries] of servers)
  test(`what was in flight is listed with its tables, from the kept log, PostgreSQL ${version}`, () =>
    withFolder((folder) =>
      withServer(
        binaries,
        folder,
        { max_prepared_transactions: "5" },
        async (server) => {
          await server.query("create table accounts (id int primary key, name text); create table other (id int)");
          await server.query("begin; insert into other values (1); prepare transaction 'left; behind''s'");
          const client = await server.connect();
          await client.query("begin; insert into accounts values (1, repeat('x', 100000)); update accounts set id = 2");
          const xid = Number((await client.query("select pg_current_xact_id()::text as xid")).rows[0].xid);
          await server.query("insert into other values (2)");
          await server.kill();
          const kept = join(folder, "kept");
          await cp(server.walDirectory, kept, { recursive: true });

          const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
          const plan = {
            id: "failover-1",
            steps: [{ id: "keep-pg1", kind: "host.keep", parameters: { cluster: "ledger", node: "pg1" } }],
          };
          await timeline.append("plan/failover-1", 0, [
            { kind: "plan.stored", by: "test", data: { plan } },
            {
              kind: "step.done",
              by: "test",
              data: { step: "keep-pg1", already: false, outcome: { directory: kept }, tookMs: 1 },
            },
          ]);
          const clusters = (host: string) => ({ ledger: { nodes: { pg1: { url: server.url, host } } } });
          const context = {
            system: systemOf(server.url, { clusters: clusters("local:") }),
            fleet: fleetOf(server.url),
            timeline,
          };

          // Nobody answers: the log still tells, and what is missing is said.
          const alone = await lookInFlight({ ...context, cluster: "ledger" });
          assert.deepEqual(
            alone.inFlight.map((each) => each.xid),
            [xid],
          );
          assert.match(alone.unseen.join(), /no primary answers/);

          await server.start();
          const look = await lookInFlight({ ...context, cluster: "ledger" });
          assert.deepEqual([look.node, look.directory, look.version, look.end.kind], ["pg1", kept, version, "end"]);
          const [one] = look.inFlight;
          assert.equal(look.inFlight.length, 1);
          assert.deepEqual([...new Set(one?.relations.map(({ table }) => table))], ["accounts"]);
          assert.ok(one?.relations.some(({ name }) => name === "accounts_pkey"));
          assert.equal(one?.beganBefore, false);
          assert.deepEqual(
            look.prepared.map(({ gid, rollback }) => [gid, rollback]),
            [["left; behind's", "ROLLBACK PREPARED 'left; behind''s'"]],
          );
          assert.deepEqual(
            look.findings.map(({ code }) => code),
            ["recover.in-flight", "recover.prepared-left-behind"],
          );
          assert.ok(Math.abs(Date.parse(look.lastCommits.at(-1)?.at ?? "") - Date.now()) < 600_000);

          // The same through a host's commands.
          const remote = { ...context, system: systemOf(server.url, { clusters: clusters("ssh://somewhere") }) };
          const viaHost = await lookInFlight({
            ...remote,
            fleet: { ...context.fleet, host: () => shellHost },
            cluster: "ledger",
            node: "pg1",
            directory: kept,
          });
          assert.deepEqual(viaHost.inFlight, look.inFlight);

          // Nothing was kept: a dead standby's log is not taken for the old primary's, unless it was the primary.
          await cp(kept, join(folder, "dead", "pg_wal"), { recursive: true });
          const instance = {
            dataDirectory: join(folder, "dead"),
            inspect: async () => ({ state: "down", pids: [], standbySignal: true }),
          } as unknown as Instance;
          const found = {
            ...context,
            fleet: { ...context.fleet, instance: async () => instance },
            timeline: await openSqliteTimeline(join(folder, "other.db")),
          };
          const observed = (role: string) => ({ kind: "node.observed", by: "watch", data: { node: "pg1", role } });
          await assert.rejects(lookInFlight({ ...found, cluster: "ledger" }), (error: BlackstartError) =>
            /its server was a standby/.test(error.why),
          );
          await found.timeline.append("cluster/ledger", "any", [observed("standby"), observed("primary")]);
          assert.equal((await lookInFlight({ ...found, cluster: "ledger" })).inFlight.length, 1);
          await found.timeline.close();

          await assert.rejects(
            lookInFlight({ ...context, cluster: "ledger", directory: folder }),
            /No write-ahead log/,
          );
          await assert.rejects(lookInFlight({ ...context, cluster: "leger" }), /leger/);
          await timeline.close();
        },
        ["--wal-segsize=1"],
      ),
    ));
