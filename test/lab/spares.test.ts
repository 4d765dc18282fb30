import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { identityOf } from "../../src/lab/processes.ts";
import { clearSpares, createSpares } from "../../src/lab/spares.ts";
import { withFolder } from "../support/folder.ts";

function makeTemplate(folder: string): string {
  const template = join(folder, "template");
  mkdirSync(template);
  writeFileSync(join(template, "PG_VERSION"), "18\n");
  return template;
}

describe("spare copies of a template", () => {
  it("are as many as were asked for, each taken once", () =>
    withFolder(async (folder) => {
      const template = makeTemplate(folder);
      const labs = join(folder, "labs");
      const spares = createSpares(labs);
      const places = ["a", "b", "c", "d"].map((name) => join(folder, name)) as [string, string, string, string];
      assert.deepEqual(
        [await spares.take(template, places[0]), await spares.take(template, places[1])],
        [false, false],
      );
      spares.refill();
      const taken = await Promise.all(places.slice(1).map((place) => spares.take(template, place)));
      assert.deepEqual(taken, [true, true, false]);
      assert.equal(readFileSync(join(places[1], "PG_VERSION"), "utf8"), "18\n");
      assert.equal(existsSync(places[3]), false);
      spares.refill();
      await spares.close();
      assert.deepEqual(readdirSync(labs), []);
    }));

  it("are none where they cannot be made, and nobody is told", () =>
    withFolder(async (folder) => {
      const spares = createSpares(join(folder, "labs"));
      const nowhere = join(folder, "no-template");
      await spares.take(nowhere, join(folder, "a"));
      spares.refill();
      assert.equal(await spares.take(nowhere, join(folder, "a")), false);
      await spares.close();
    }));

  it("of a process that was killed are taken away, those of a living one are not", () =>
    withFolder(async (folder) => {
      const own = identityOf(process.pid);
      for (const [name, maker] of [
        ["spares-1", { ...own, startTime: "0" }],
        ["spares-2", own],
        ["spares-3", {}],
      ] as const) {
        mkdirSync(join(folder, name, "1"), { recursive: true });
        writeFileSync(join(folder, name, "maker.json"), JSON.stringify(maker));
      }
      clearSpares(folder);
      assert.deepEqual(readdirSync(folder), ["spares-2"]);
    }));
});
