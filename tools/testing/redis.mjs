// Redis for the tests of caches: installed with apt-get, where it is missing and we are root. Otherwise those tests are
// skipped and say so.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const stepTimeoutMs = 120_000;

export function provideRedis() {
  if (isOnPath("redis-server")) return;
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) return;
  process.stderr.write("Installing redis-server with apt-get, for the tests of caches …\n");
  if (install() || (aptGet("update") && install())) return;
  process.stderr.write("redis-server could not be installed (see above): the tests that need it are skipped.\n");
}

function install() {
  return aptGet("install", "--yes", "--no-install-recommends", "redis-server");
}

function aptGet(...command) {
  const patience = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=15", "-o", "DPkg::Lock::Timeout=60"];
  const result = spawnSync("apt-get", ["-qq", ...patience, ...command], {
    stdio: ["ignore", 2, 2],
    timeout: stepTimeoutMs,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  return result.status === 0;
}

function isOnPath(name) {
  return process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, name)));
}
