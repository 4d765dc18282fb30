import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import {
  applyConstraint,
  liveCib,
  liveState,
  removeConstraint,
  statesOverTime,
  waitUntilSettled,
  writeThroughAddress,
} from "../../../src/lab/pacemaker/cluster.ts";
import { descendantsOf } from "../../../src/drivers/pacemaker/xml.ts";
import { parseCib } from "../../../src/lab/pacemaker/xml.ts";
import { type LabRecord, readRecord } from "../../../src/lab/record.ts";
import { withLab } from "../../support/lab.ts";
import { missingFor } from "../../support/managers.ts";

/** As somebody's cluster has it, on hosts and in a network of its own, with the line that blocks today's Pacemaker. */
const crm = `
node db-a
node db-b
node db-c
primitive fence stonith:external/ipmi params hostname=db-a
primitive Postgresql ocf:heartbeat:pgsql \\
  params pgctl="/usr/lib/postgresql/9.4/bin/pg_ctl" pgdata="/var/lib/postgresql/9.4/main" pgport=5433 start_opt="-p 5433" \\
    rep_mode=sync node_list="db-a db-b db-c" master_ip=192.168.7.100 restore_command="cp /archive/%f %p" \\
  op start interval=0 timeout=60s on-fail=restart op stop interval=0 timeout=60s on-fail=block \\
  op monitor interval=2s timeout=60s on-fail=restart op monitor interval=1s timeout=60s role=Master on-fail=restart \\
  op promote interval=0 timeout=60s on-fail=restart op demote interval=0 timeout=60s on-fail=stop op notify interval=0 timeout=60s
primitive VIP ocf:heartbeat:IPaddr2 params ip=192.168.7.100 cidr_netmask=24 nic=bond0 op monitor interval=2s
primitive BackupVIP ocf:heartbeat:IPaddr2 params ip=192.168.7.101 cidr_netmask=24 op monitor interval=2s
ms msPostgresql Postgresql meta master-max=1 clone-max=3 notify=true
colocation vip-with-primary inf: VIP msPostgresql:Master
colocation apart -inf: msPostgresql:Master BackupVIP
property default-resource-stickiness=100 stonith-enabled=true
`;
const apart = (score: string) =>
  `<rsc_colocation id="apart" score="${score}" rsc="msPostgresql" rsc-role="Master" with-rsc="BackupVIP"/>`;

test(
  "the outage of 2017, live: promotion is blocked by one line, until the line is changed",
  {
    skip: await missingFor("pacemaker"),
  },
  () =>
    withLab({ manager: "pacemaker", pacemaker: { kind: "crm", text: crm, source: "our.crm" } }, async (lab) => {
      const record = readRecord(lab.directory) as LabRecord;
      const told = Object.fromEntries(lab.notes.replacements.map(({ where, is }) => [where, is]));
      assert.equal(told["Postgresql, pgdata"], "/run/lab/data");
      assert.equal(told["VIP, nic"], "eth0");
      assert.ok("resource fence" in told && told["resource fence"] === undefined);
      assert.deepEqual(Object.keys(lab.notes.inside), ["db-a", "db-b", "db-c"]);
      const active = (await liveState(record))?.nodes.map((node) => [node.name, node.status, [...node.active].sort()]);
      assert.deepEqual(active, [
        ["db-a", "PRI", ["Postgresql", "VIP"]],
        ["db-b", "HS:sync", ["BackupVIP", "Postgresql"]],
        ["db-c", "HS:async", ["Postgresql"]],
      ]);
      await withConnection((await lab.clientUrl()) as string, {}, async (connection) => {
        const [row] = await connection.query("select host(inet_server_addr()) as at, inet_server_port() as port");
        assert.deepEqual(row, { at: "192.168.7.100", port: 5433 });
        await connection.query("create table kept as select 1 as i");
      });

      await lab.break("power-off");
      // The agent on the synchronous standby asks to be promoted; what refuses it is the scheduler.
      const asked = await pollUntil(
        async () => {
          const standby = (await liveState(record))?.nodes.find(({ name }) => name === "db-b");
          return standby?.promotionScore === "1000" ? standby : undefined;
        },
        { everyMs: 200, timeoutMs: 120_000 },
      );
      assert.ok(asked, "the standby never asked to be promoted");
      const blocked = await waitUntilSettled(record, { timeoutMs: 60_000 });
      assert.ok(blocked.settled);
      assert.ok(!blocked.state?.nodes.some(({ status }) => status === "PRI"));
      assert.equal((await writeThroughAddress(record)).ok, false);
      const wanted = descendantsOf(parseCib(await liveCib(record), "it"), "rsc_colocation").map((one) =>
        one.getAttribute("id"),
      );
      assert.deepEqual(wanted.sort(), ["apart", "vip-with-primary"]);

      await applyConstraint(record, apart("-50"));
      let primaries: readonly string[] = [];
      for await (const { state } of statesOverTime(record, { forMs: 120_000 })) {
        primaries = state?.nodes.filter(({ status }) => status === "PRI").map(({ name }) => name) ?? [];
        if (primaries.length > 0 && (await writeThroughAddress(record)).ok) break;
      }
      assert.deepEqual(primaries, ["db-b"]);
      const rows = await withConnection((await lab.clientUrl()) as string, {}, (connection) =>
        connection.query("table kept"),
      );
      assert.deepEqual(rows, [{ i: 1 }]);

      await removeConstraint(record, "apart");
      assert.ok(!(await liveCib(record)).includes('id="apart"'));
      // Its data is made anew and the agent's lock removed, because a former primary is not started without a hand.
      assert.match((await lab.heal("power-off")).done, /Made the data of db-a anew from db-b.*PGSQL\.lock on db-a/);
      assert.ok(existsSync(lab.node("db-a").dataDirectory));
    }),
);
