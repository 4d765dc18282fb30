import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import type { Instance } from "../../../src/drivers/postgres/instance.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import { withFolder } from "../../support/folder.ts";

/* What is left of a copy whose executor is gone, or whose disk is full. No server is needed. */

if (import.meta.main && process.argv[2] !== undefined) {
  await instanceAt(process.argv[2]).keep("plan-1", "everything");
  process.exit(0);
}

test("a copy whose executor was killed does not go on beside the next one", { skip: withoutProc() }, () =>
  withFolder(async (folder) => {
    const data = dataDirectory(folder);
    const begun = join(folder, "begun");
    const environment = shadowed(folder, "cp", `echo $$ >"${begun}"; exec sleep 600`);
    const executor = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", import.meta.filename, data], {
      env: environment,
      stdio: "inherit",
    });
    const read = async () => (existsSync(begun) ? readFileSync(begun, "utf8").trim() || undefined : undefined);
    const copying = await pollUntil(read, { everyMs: 10, timeoutMs: 60_000 });
    assert.ok(copying, "the copy was not begun");
    executor.kill("SIGKILL");
    await new Promise((resolve) => executor.once("exit", resolve));
    assert.ok(isAlive(copying), "it went with its executor: there is nothing to test");
    // Somebody else's server of the same machine is none of ours.
    const other = dataDirectory(folder, "other");
    await instanceAt(other).keep("plan-1", "wal");
    assert.ok(isAlive(copying), "a copy of another data directory was ended");
    const { directory } = await instanceAt(data).keep("plan-1", "everything");
    assert.ok(!isAlive(copying), "the copy of before goes on");
    assert.equal(readFileSync(join(directory, "PG_VERSION"), "utf8"), "15\n");
  }),
);

test("a copy for which the disk gets full leaves nothing behind that fills it", () =>
  withFolder(async (folder) => {
    const data = dataDirectory(folder);
    const path = process.env.PATH;
    process.env.PATH = shadowed(folder, "cp", "echo 'No space left on device' >&2; exit 1").PATH;
    try {
      await assert.rejects(instanceAt(data).keep("plan-1", "everything"), { why: /No space left/ });
    } finally {
      process.env.PATH = path;
    }
    assert.deepEqual(readdirSync(folder).sort(), ["bin", "data"]);
  }));

function instanceAt(directory: string): Instance {
  return openInstance({
    host: localHost(),
    node: "pg1",
    dataDirectory: directory,
    configFile: undefined,
    binaries: undefined,
    start: undefined,
    stop: undefined,
  });
}

function dataDirectory(folder: string, name = "data"): string {
  const data = join(folder, name);
  for (const part of ["global", "pg_wal"]) mkdirSync(join(data, part), { recursive: true });
  writeFileSync(join(data, "PG_VERSION"), "15\n");
  writeFileSync(join(data, "global", "pg_control"), "control");
  return data;
}

/** The environment in which this program is another one. */
function shadowed(folder: string, program: string, script: string): NodeJS.ProcessEnv {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, program), 0o755);
  return { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` };
}

function isAlive(pid: string): boolean {
  return existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
}

function withoutProc(): string | false {
  return existsSync("/proc/self/stat") ? false : "processes are looked through in /proc";
}
