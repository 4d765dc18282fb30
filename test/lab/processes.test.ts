import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { processesIn } from "../../src/lab/processes.ts";
import { withFolder } from "../support/folder.ts";
import { noNamespaces } from "../support/namespace.ts";

/* Which processes stand in a folder: by the directory itself, whatever it is called. */

const found = (folder: string) => processesIn(folder, ({ program }) => program === "sleep").map(({ pid }) => pid);

test("a folder that is named by a link", () =>
  withFolder((folder) =>
    withSleeper("exec sleep 600", [], make(folder, "real", "below"), async (pid) => {
      symlinkSync(join(folder, "real"), join(folder, "link"));
      assert.deepEqual(found(join(folder, "link")), [pid]);
      assert.deepEqual(found(join(folder, "real", "below")), [pid]);
      assert.deepEqual(found(make(folder, "other")), []);
    }),
  ));

test("a folder that was removed", () =>
  withFolder((folder) =>
    withSleeper("exec sleep 600", [], make(folder, "gone"), async (pid) => {
      rmSync(join(folder, "gone"), { recursive: true });
      assert.deepEqual([found(join(folder, "gone")), found(folder)], [[pid], [pid]]);
    }),
  ));

test("a container that has the data directory elsewhere, and another one at its name", { skip: noNamespaces }, () =>
  withFolder((folder) => {
    const [one, two] = [make(folder, "one", "data"), make(folder, "two", "data")];
    for (const data of [one, two]) writeFileSync(join(data, "PG_VERSION"), "15\n");
    const script = 'mount --bind "$1" "$2" && cd "$2" && exec sleep 600';
    return withSleeper(script, [one, two], folder, async (pid) => {
      assert.deepEqual([found(join(folder, "one")), found(one), found(folder)], [[pid], [pid], [pid]]);
      assert.deepEqual(found(two), []);
    });
  }),
);

function make(...parts: readonly string[]): string {
  const path = join(...(parts as [string, ...string[]]));
  mkdirSync(path, { recursive: true });
  return path;
}

/** In a mount namespace of its own, where it is given arguments. */
async function withSleeper(
  script: string,
  args: readonly string[],
  cwd: string,
  use: (pid: number) => Promise<void>,
): Promise<void> {
  const words = ["sh", "-c", script, "sh", ...args];
  const inside = args.length === 0 ? words : ["unshare", "-m", "--propagation", "private", ...words];
  const child: ChildProcess = spawn(inside[0] as string, inside.slice(1), { cwd, stdio: "ignore" });
  try {
    const pid = child.pid as number;
    const sleeps = async () => readFileSync(`/proc/${pid}/comm`, "latin1") === "sleep\n" || undefined;
    assert.ok(await pollUntil(sleeps, { everyMs: 10, timeoutMs: 10_000 }), "it does not sleep");
    await use(pid);
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}
