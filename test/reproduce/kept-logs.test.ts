import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Lab } from "../../src/lab/lab.ts";
import { clearHalves, configurationFolder, keepLogs } from "../../src/reproduce/trial/kept-logs.ts";
import { withFolder } from "../support/folder.ts";

/** A lab of which only the logs are looked at. */
function labWith(...logs: string[]): Lab {
  return { nodes: [{ name: "pg1", logs }] } as unknown as Lab;
}

describe("the logs of a trial", () => {
  it("stand in a folder that tells which factors were present", () => {
    const all = ["a", "b", "c"];
    assert.equal(configurationFolder([], all), "control");
    assert.equal(configurationFolder(all, all), "all-factors");
    assert.equal(configurationFolder(["a", "c"], all), "with-a+c");
    const many = Array.from({ length: 32 }, (_, index) => `factor-${index}`);
    const [one, other] = [many.slice(1), many.slice(2)].map((some) => configurationFolder(some, many));
    assert.notEqual(one, other);
    assert.ok(Buffer.byteLength(one ?? "") < 200, one);
    assert.notEqual(configurationFolder(["control"], all), "control");
  });

  it("are kept once, without those that were never written", () =>
    withFolder(async (folder) => {
      const log = join(folder, "postgres.log");
      writeFileSync(log, "first");
      const into = join(folder, "kept", "control", "not-reproduced");
      assert.equal(await keepLogs(labWith(log, join(folder, "none.log")), into), into);
      assert.deepEqual(readdirSync(into), ["pg1-postgres.log"]);
      writeFileSync(log, "second");
      assert.equal(await keepLogs(labWith(log), into), undefined);
      assert.equal(readFileSync(join(into, "pg1-postgres.log"), "utf8"), "first");
    }));

  it("are kept whole or not at all, by one of two that end at the same moment", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "a.log"), "a");
      const into = join(folder, "reproduced");
      await assert.rejects(keepLogs(labWith(join(folder, "a.log"), folder), into), { syscall: "copyfile" });
      assert.deepEqual(readdirSync(folder), ["a.log"]);
      const both = await Promise.all([1, 2].map(() => keepLogs(labWith(join(folder, "a.log")), into)));
      assert.deepEqual(both.filter((kept) => kept === into).length, 1);
      assert.deepEqual(readdirSync(folder).toSorted(), ["a.log", "reproduced"]);
    }));

  it("of which a killed process left half are cleared away, those of a living one are not", () =>
    withFolder(async (folder) => {
      const { pid } = spawnSync("true");
      for (const owner of [pid, process.pid])
        mkdirSync(join(folder, "control", `reproduced.part-${owner}-Ab12cd`), { recursive: true });
      await clearHalves(folder);
      assert.deepEqual(readdirSync(join(folder, "control")), [`reproduced.part-${process.pid}-Ab12cd`]);
      await clearHalves(join(folder, "never-made"));
    }));
});
