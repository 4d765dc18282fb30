import assert from "node:assert/strict";
import { test } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { createFleet, type Fleet } from "../../src/drivers/fleet.ts";
import { makeMitigationPlan } from "../../src/mitigate/plans.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { startWriter } from "../support/writer.ts";
import { on, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/*
 * Only the way from us to the primary is cut: its host sees it run, its standbys hear it, by whatever address they find it.
 */

const settings = { listen_addresses: "127.0.0.1,127.0.0.9" };

for (const [how, host, said, errno = "EHOSTUNREACH"] of [
  ["by its name", "localhost", /pg2 and pg3 have heard from it/],
  ["by another address of it", "127.0.0.9", /pg2 has heard from 127\.0\.0\.9:\d+ and pg3 .* cannot be told/],
  ["behind a firewall that refuses us in its place", "127.0.0.1", /pg2 and pg3 have heard from it/, "ECONNREFUSED"],
] as const)
  test(`a primary that its standbys hear, ${how}, is not replaced`, () =>
    withWorld({ settings }, async (world) => {
      await aimStandbysAt(world, host);
      const writer = await startWriter({ addressFile: world.lab.addressFile });
      const real = createFleet(world.system);
      const fleet: Fleet = {
        ...real,
        connect: (cluster, node, options) =>
          node === "pg1" ? Promise.reject(noWay(errno)) : real.connect(cluster, node, options),
      };
      try {
        await writer.nextAcknowledged(Date.now(), 10_000);
        const context = { system: world.system, fleet, timeline: world.timeline };
        const subject = { kind: "cluster", name: "ledger" } as const;
        const made = await makeMitigationPlan({ kind: "failover", subject }, context);
        assert.ok(isRefusal(made), "a living primary would be killed");
        assert.equal(made.rule, "primary-heard");
        assert.match(made.missing, said);
      } finally {
        await writer.stop();
        await real.close();
      }
    }));

async function aimStandbysAt(world: World, host: string): Promise<void> {
  const { port } = world.lab.node("pg1");
  for (const node of ["pg2", "pg3"])
    await on(world, node, async (connection) => {
      const conninfo = `host=${host} port=${port} user=blackstart application_name=${node}`;
      await connection.query(`alter system set primary_conninfo = '${conninfo}'`);
      await connection.query("select pg_reload_conf()");
      await until(`${node} streams from ${host}`, async () => {
        const rows = await connection.query("select from pg_stat_wal_receiver where sender_host = $1", [host]);
        return rows.length === 1;
      });
    });
  await until("both stream", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
}

const noWay = (errno: string) =>
  new BlackstartError("UNREACHABLE", {
    what: `connect ${errno}`,
    why: "There is no way there.",
    next: "See the network.",
    details: { errno },
  });
