import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { endLeftProcesses } from "../../tools/testing/leftovers.ts";
import { withFolder } from "../support/folder.ts";

/* How a process that a test left behind is known, and which one is not touched. */
const started: readonly (readonly [string, (folder: string) => ChildProcess, boolean])[] = [
  ["by its environment", (folder) => idle([], { env: { BLACKSTART_TEST_RUN: folder } }), true],
  ["by a place that it was started for", (folder) => idle([join(folder, "data")], { env: {} }), true],
  ["by where it works", (folder) => idle([], { env: {}, cwd: folder }), true],
  ["not by another folder that begins alike", (folder) => idle([`${folder}-other/data`], { env: {} }), false],
];

for (const [how, start, isOurs] of started)
  test(`a process that was left behind is known ${how}`, () =>
    withFolder(async (folder) => {
      const child = start(folder);
      const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
      try {
        await new Promise((resolve) => child.once("spawn", resolve));
        const left = await endLeftProcesses(folder, 0);
        assert.deepEqual(
          left.map(({ pid }) => pid),
          isOurs ? [child.pid] : [],
        );
        if (isOurs) assert.equal(await ended, "SIGKILL");
      } finally {
        child.kill("SIGKILL");
      }
    }));

function idle(words: readonly string[], options: { env: NodeJS.ProcessEnv; cwd?: string }): ChildProcess {
  const program = "setTimeout(() => undefined, 600_000)";
  return spawn(process.execPath, ["-e", program, "--", ...words], { stdio: "ignore", ...options });
}
