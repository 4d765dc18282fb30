import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { type Instance, knownState } from "../../../src/drivers/postgres/instance.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import { withLab } from "../../support/lab.ts";
import { everyMajor } from "../../support/postgres-versions.ts";

/* What a killed server leaves in memory. Servers of other tests run under the same account: only its own is looked at. */

for (const { title, binaries, skip } of [everyMajor[0], everyMajor.at(-1)].filter((one) => one !== undefined))
  describe(`shared memory of ${title}`, { skip }, () => {
    test("is not told while its server runs; of a killed one it is, and is removed", () =>
      withServer(binaries, async (pg1) => {
        const [segment, file] = await memoryOf(pg1);
        const own = async () =>
          (await pg1.leftMemory()).map(({ name }) => name).filter((name) => [segment, file].includes(name));
        assert.deepEqual(await own(), []);
        for (const pid of (await knownState(pg1)).pids) process.kill(pid, "SIGKILL");
        await until(async () => (await pg1.inspect()).state === "down");
        assert.deepEqual(await own(), [segment, file]);
        const removed = await pg1.removeLeftMemory([
          { kind: "segment", name: segment, bytes: 0 },
          { kind: "file", name: file, bytes: 0 },
        ]);
        assert.deepEqual(
          removed.map(({ name }) => name),
          [segment, file],
        );
        assert.ok(removed.every(({ bytes }) => bytes > 0));
        assert.deepEqual([await own(), existsSync(file)], [[], false]);
        assert.deepEqual(await pg1.removeLeftMemory(removed), []);
      }));

    test("goes with a server that Blackstart kills", () =>
      withServer(binaries, async (pg1) => {
        const [segment, file] = await memoryOf(pg1);
        await pg1.kill();
        assert.equal(existsSync(file), false);
        assert.ok(!(await pg1.leftMemory()).some(({ name }) => name === segment));
      }));
  });

async function withServer(binaries: string, use: (pg1: Instance) => Promise<void>): Promise<void> {
  await withLab({ binaries, standbys: [] }, async (lab) => {
    const { dataDirectory } = lab.node("pg1");
    const place = { configFile: undefined, binaries, start: undefined, stop: undefined };
    const pg1 = openInstance({ host: localHost(), node: "pg1", dataDirectory, ...place });
    await pg1.stop("fast", 10_000);
    await pg1.writeSettings({ dynamic_shared_memory_type: "posix" });
    await pg1.start(60_000);
    await use(pg1);
  });
}

/** The id of its System V segment, and its file in /dev/shm. */
async function memoryOf(pg1: Instance): Promise<readonly [segment: string, file: string]> {
  const { postmasterPid } = await pg1.inspect();
  const line = readFileSync(join(pg1.dataDirectory, "postmaster.pid"), "utf8").split("\n")[6] ?? "";
  const file = /\/dev\/shm\/PostgreSQL\.\d+/.exec(readFileSync(`/proc/${postmasterPid}/maps`, "utf8"))?.[0];
  assert.ok(file);
  return [line.trim().split(/\s+/)[1] ?? "", file];
}

async function until(ask: () => Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await ask()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(held, "the state was not reached within 60 s");
}
