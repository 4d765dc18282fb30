import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { startGroup } from "../../src/reproduce/trial/group.ts";

const limit = { everyMs: 5, timeoutMs: 60_000 };

/** The processes whose environment holds this mark, except ourselves. */
function marked(mark: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
      } catch {
        return false; // It is gone.
      }
    })
    .map(Number);
}

const gone = (mark: string) => pollUntil(async () => (marked(mark).length === 0 ? true : undefined), limit);

describe("a command with all that it starts", () => {
  it("tells how it ended, what it said, and holds nothing of ours but its standard input", async () => {
    const group = startGroup("echo said; test -S /dev/fd/3 || test -p /dev/fd/3 && echo leaked; exit 7", {});
    assert.equal(await group.exited, 7);
    await group.firstLine;
    assert.equal(group.said(), "said");
    await group.end();
  });

  it("is ended with what it has put into the background", async () => {
    const MARK = `group-in-background-${process.pid}`;
    const group = startGroup("sleep 300 & echo begun", { MARK });
    await group.firstLine;
    assert.equal(await group.exited, 0);
    assert.ok(marked(`MARK=${MARK}`).length > 0);
    await group.end();
    await group.end();
    assert.ok(await gone(`MARK=${MARK}`));
  });

  it("does not outlive us where we are killed, though it reads nothing", async () => {
    const MARK = `group-of-the-killed-${process.pid}`;
    const module = new URL("../../src/reproduce/trial/group.ts", import.meta.url).href;
    const program = `
      import { startGroup } from ${JSON.stringify(module)};
      const group = startGroup("sleep 300 & echo begun; exec sleep 300", { MARK: "${MARK}" });
      await group.firstLine;
      console.log("begun");`;
    const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program];
    const parent = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(parent.stdout, "data");
      assert.ok(marked(`MARK=${MARK}`).length >= 2);
      parent.kill("SIGKILL");
      assert.ok(await gone(`MARK=${MARK}`));
    } finally {
      parent.kill("SIGKILL");
      for (const pid of marked(`MARK=${MARK}`)) process.kill(pid, "SIGKILL");
    }
  });
});
