import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { onlyPrimary, signal } from "./servers.ts";
import { withWorld } from "./world.ts";

/* The clients' address file cannot be written, or not even read. A folder in its place is so for root as well. */

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
