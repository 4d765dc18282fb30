import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { processFunctions } from "../../../src/drivers/postgres/instance/processes-script.ts";
import { withFolder } from "../../support/folder.ts";

/* On a busy machine backends end all the time. Of one that has just ended Linux says EACCES, not that it is gone. */

test("a process that ends while it is looked at hides no server", async () => {
  await withFolder(async (directory) => {
    const program = join(directory, "postgres");
    copyFileSync("/bin/sleep", program);
    const backend = spawn(program, ["600"], { cwd: "/", stdio: "ignore" });
    try {
      const denied = "cannot read symbolic link: Permission denied";
      writeFileSync(
        join(directory, "ls"),
        `#!/bin/sh
case "$*" in *"/proc/${backend.pid}/cwd"*) ;; *) exec /bin/ls "$@" ;; esac
kill ${backend.pid}; while [ -e /proc/${backend.pid} ]; do :; done; echo "${denied}" >&2; exit 1
`,
      );
      chmodSync(join(directory, "ls"), 0o755);
      const script = `data='${directory}'\n${processFunctions}\nfind_servers; echo "hidden:$hidden"`;
      const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
      const { stdout } = await promisify(execFile)("/bin/sh", ["-c", script], { env });
      assert.ok(!stdout.split(/\s/).includes(String(backend.pid)), stdout);
      assert.equal(backend.signalCode, "SIGTERM", "it was never looked at");
    } finally {
      backend.kill("SIGKILL");
    }
  });
});
