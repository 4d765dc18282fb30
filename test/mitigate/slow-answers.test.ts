import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf } from "../../src/drivers/postgres/conninfo.ts";
import { observeNode } from "../../src/drivers/postgres/observe.ts";
import { sessionsOf } from "../../src/mitigate/sessions.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { startSlowLink } from "../support/slow-link.ts";
import { signal } from "./servers.ts";
import { withSystemFile, withWorld } from "./world.ts";

/* A standby behind a slow network, or on a busy machine, is there all the same. */

test("standbys that need longer than a second to let us in are planned with", async () => {
  await withWorld({}, async (world) => {
    const links = await Promise.all(
      ["pg2", "pg3"].map(async (node) => {
        const { host, port } = addressOf(world.lab.node(node).url);
        return { port, link: await startSlowLink({ host, port }, 600) };
      }),
    );
    const far = (text: string) =>
      links.reduce((changed, { port, link }) => changed.replaceAll(`:${port}/`, `:${link.port}/`), text);
    try {
      await withSystemFile(world, far, async (slow) => {
        await signal(world, "pg1", "SIGKILL");
        const plan = await slow.plan("failover", "ledger");
        assert.ok(!isRefusal(plan), JSON.stringify(plan));
        // A step waits for them as well.
        const { role } = await sessionsOf(slow.fleet).use("ledger", "pg2", (connection) => observeNode(connection));
        assert.equal(role, "standby");
      });
    } finally {
      for (const { link } of links) await link.close();
    }
  });
});

test("no answer is told as no answer", async () => {
  await withWorld({}, async (world) => {
    for (const node of ["pg2", "pg3"]) await signal(world, node, "SIGSTOP");
    await signal(world, "pg1", "SIGKILL");
    const refused = await world.plan("failover", "ledger");
    for (const node of ["pg2", "pg3"]) await signal(world, node, "SIGCONT");
    assert.ok(isRefusal(refused));
    assert.match(refused.missing, /pg2 did not answer in 3 s; pg3 did not answer in 3 s/);
  });
});
