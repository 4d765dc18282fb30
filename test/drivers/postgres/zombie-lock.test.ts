import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { removeZombieLock } from "../../../src/drivers/postgres/instance/zombie-lock.ts";
import { withFolder } from "../../support/folder.ts";

/* A pid in a lock file is that of a zombie: of the server's own, or of any other process. */

const skip = existsSync("/proc/self/stat") ? false : "needs /proc";
const now = () => Math.floor(Date.now() / 1000);

for (const [what, began, isRemoved] of [
  ["of the server that began then: its lock file is removed", now, true],
  [
    "of a process that began an hour later: the server may run elsewhere, and its lock file stays",
    () => now() - 3600,
    false,
  ],
  ["and when the server began is not told: it stays", () => "", false],
] as const)
  test(`a zombie ${what}`, { skip }, () =>
    withZombie((pid) =>
      withFolder(async (data) => {
        const file = join(data, "postmaster.pid");
        writeFileSync(file, `${pid}\n${data}\n${began()}\n5432\n/tmp\n127.0.0.1\n`);
        const { code } = await localHost().run({ script: removeZombieLock, args: [data] });
        assert.deepEqual([code, existsSync(file)], [0, !isRemoved]);
      }),
    ),
  );

test("a process that runs keeps its lock file", { skip }, () =>
  withFolder(async (data) => {
    const file = join(data, "postmaster.pid");
    writeFileSync(file, `${process.pid}\n${data}\n${now()}\n`);
    await localHost().run({ script: removeZombieLock, args: [data] });
    assert.ok(existsSync(file));
  }),
);

/** A shell would take notice of its end. */
const untilItSleeps = 'while [ "$(cat /proc/$PPID/comm)" = sh ]; do :; done';

/** A process that has ended and whose parent, which is another program by now, does not wait for it. */
async function withZombie(use: (pid: number) => Promise<void>): Promise<void> {
  const parent = spawn("sh", ["-c", `sh -c '${untilItSleeps}' & echo $!; exec sleep 600`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const [said] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(said.toString());
    const isZombie = async () => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ") || undefined;
    assert.ok(await pollUntil(isZombie, { everyMs: 5, timeoutMs: 5000 }));
    await use(pid);
  } finally {
    parent.kill("SIGKILL");
  }
}
