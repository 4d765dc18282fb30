import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { minimalFileFor, writeMinimal } from "../../../../src/cli/commands/reproduce/minimal-file.ts";
import { withFolder } from "../../../support/folder.ts";
import { commandLine } from "../../command-line.ts";

const scenario = "scenario: s\nfactors: [{ id: a, sql: select 1 }, { id: b, sql: select 2 }]\nsymptom: { log: x }\n";

test("a minimal scenario is never put over what somebody else wrote", () =>
  withFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    writeFileSync(at("story.yaml"), scenario);
    writeFileSync(at("notes.yaml"), "# mine\n");
    mkdirSync(at("folder"));
    for (const [out, why] of [
      ["missing/minimal.yaml", /ENOENT/],
      ["notes.yaml", /there already/],
      ["story.yaml", /there already/],
      ["folder", /is a folder/],
    ] as const)
      await assert.rejects(minimalFileFor(at("story.yaml"), at(out)), { code: "USAGE", why });

    for (const minimal of ["a", "b"]) {
      const path = await minimalFileFor(at("story.yaml"), undefined);
      assert.equal(path, at("story.minimal.yaml"));
      await writeMinimal(path, at("story.yaml"), [minimal]);
      assert.match(readFileSync(path, "utf8"), RegExp(`^# The least of story\\.yaml [\\s\\S]*id: ${minimal}`));
    }
    assert.deepEqual(readdirSync(folder).toSorted(), ["folder", "notes.yaml", "story.minimal.yaml", "story.yaml"]);
  }));

test("minimize says before its search that its file cannot be written", () =>
  withFolder(async (folder) => {
    writeFileSync(join(folder, "story.yaml"), scenario);
    const { code, result } = await commandLine(folder).run(
      ...["reproduce", "minimize", "story.yaml", "--oracle", "touch asked", "--out", "no/where.yaml", "--json"],
    );
    assert.deepEqual([code, result.error.code], [2, "USAGE"]);
    assert.ok(!readdirSync(folder).includes("asked"), "nothing was tried");
  }));
