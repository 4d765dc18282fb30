import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { localHost } from "../../../src/drivers/host/local.ts";
import { roomFunctions } from "../../../src/drivers/postgres/instance/room.ts";
import { withFolder } from "../../support/folder.ts";

/* A shell has no local variables: what these functions set, the scripts that use them must not. */

test("counting the room leaves the variables of its script alone", () =>
  withFolder(async (folder) => {
    const data = join(folder, "data");
    mkdirSync(data);
    writeFileSync(join(data, "file"), "x".repeat(100_000));
    const script = `data=$1\n${roomFunctions}\nset >"$2"; size_of "$data" "$data.none"; need_room "$size" 0; set >"$3"`;
    const [before = "", after = ""] = ["before", "after"].map((name) => join(folder, name));
    const { code } = await localHost().run({ script, args: [data, before, after] });
    assert.equal(code, 0);
    const set = new Map(variablesIn(before));
    const changed = variablesIn(after).filter(([name = "", value]) => name !== "_" && set.get(name) !== value);
    assert.deepEqual(changed.map(([name]) => name).toSorted(), ["counted", "free", "one", "size"]);
    assert.ok(Number(changed.find(([name]) => name === "size")?.[1]?.replaceAll("'", "")) >= 98);
  }));

function variablesIn(file: string): readonly [string, string][] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as [string, string]];
    });
}
