import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

type Locked = {
  version?: string;
  optionalDependencies?: Record<string, string>;
  dependencies?: Record<string, string>;
};

const lock = JSON.parse(await readFile("package-lock.json", "utf8")) as { packages: Record<string, Locked> };

// npm leaves them out when the lock file is made where node_modules stood already; npm ci then refuses the file.
test("the lock file names the optional packages of every platform", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter((name) => !isLocked(path, name)),
  );
  assert.deepEqual(missing, []);
});

test("what runs in production is locked with its integrity", () => {
  const open = Object.entries(lock.packages).filter(
    ([path, locked]) => path !== "" && !("dev" in locked) && !("integrity" in locked),
  );
  assert.deepEqual(
    open.map(([path]) => path),
    [],
  );
});

test("no lock file names a registry's host: each machine has its own", async () => {
  for (const file of ["package-lock.json", "test/zoo/postgres/package-lock.json"])
    assert.doesNotMatch(await readFile(file, "utf8"), /https?:\/\/[^"]*\.tgz/, file);
});

function isLocked(path: string, name: string): boolean {
  return `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
}
