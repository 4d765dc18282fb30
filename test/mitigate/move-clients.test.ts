import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { onlyPrimary, signal } from "./servers.ts";
import { withSystemFile, withWorld } from "./world.ts";

/* Clients that cannot be moved. A folder in the place of their address file keeps root from writing it as well. */

test("an address file that cannot be written: the database is back, and the person is told what to write where", async () => {
  await withWorld({}, async (world) => {
    const { addressFile } = world.lab;
    rmSync(addressFile);
    mkdirSync(addressFile);
    writeFileSync(`${addressFile}/taken`, "");
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger");
    assert.ok(!isRefusal(plan), "the file kept the database down");
    await world.executor.store(plan, "person:test");
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    const primary = await onlyPrimary(world);
    assert.match(result.state ?? "", new RegExp(`${primary} is the primary and takes writes, but the clients`));
    const address = `127.0.0.1:${world.lab.node(primary).port}`;
    assert.match(result.next ?? "", new RegExp(`Write ${address} into ${addressFile}`));
    // As it says: by hand, and then the last primary is brought back.
    rmSync(addressFile, { recursive: true });
    writeFileSync(addressFile, `${address}\n`);
    const back = await world.act("rejoin", "ledger/pg1");
    assert.equal(back.outcome, "done", back.state);
  });
});

test("clients that a person has to move: it is not told as done, and only the primary itself is proven", async () => {
  await withWorld({}, async (world) => {
    const byAddress = (text: string) => text.replace(/clients: .*$/m, "clients: { vip: 10.9.9.9 }");
    await withSystemFile(world, byAddress, async (declared) => {
      await signal(world, "pg1", "SIGKILL");
      const result = await declared.act("failover", "ledger");
      assert.equal(result.outcome, "done-with-failures", result.state);
      const { port } = world.lab.node(await onlyPrimary(world));
      const events = await world.events(result.planId);
      const failed = events.filter(({ kind }) => kind === "step.failed").map(({ data }) => data as { message: string });
      assert.deepEqual(
        failed.map(({ message }) => message),
        [`Not done by Blackstart: point the virtual address 10.9.9.9 to 127.0.0.1:${port} yourself.`],
      );
      const paths = events.map(({ data }) => (data as { outcome?: { path?: string } }).outcome?.path);
      assert.ok(paths.includes("straight to the primary"));
    });
  });
});
