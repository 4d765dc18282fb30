import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { withFolder } from "../support/folder.ts";
import { commandLine } from "./command-line.ts";

test("up tells what happens, is seen by the other commands, and ends in order", () =>
  withFolder(async (folder) => {
    await chmod(folder, 0o755);
    const { run, start } = commandLine(folder);
    assert.equal((await run("lab", "up", "watched", "--no-durable")).code, 0);
    const up = start("up", "--port", "0", "--json");
    const ended = new Promise((resolve) => up.on("close", resolve));
    try {
      const lines = createInterface({ input: up.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
      const next = async () => JSON.parse((await lines.next()).value ?? "{}");
      const first = await next();
      assert.equal((await fetch(`${first.up.url}/healthz`)).status, 200);
      assert.equal((await run("up", "--port", "0")).code, 1, "a second one must not watch as well");

      await run("lab", "break", "kill-primary");
      const kinds: string[] = [];
      while (!kinds.includes("incident.plan-proposed")) kinds.push((await next()).event?.kind);
      assert.ok(kinds.includes("incident.opened"));
      const status = await run("status", "--json");
      assert.deepEqual([status.code, status.result.up, status.result.incidents], [1, true, 1]);
      assert.match(status.result.next, /^blackstart plan resume failover-ledger-/);
      const resumed = await run("plan", "resume", "latest", "--yes", "--json");
      assert.equal(resumed.code, 0, resumed.stderr);

      up.kill("SIGTERM");
      let last: { result?: string; ended?: string } = {};
      for await (const line of { [Symbol.asyncIterator]: () => lines }) last = JSON.parse(line);
      assert.deepEqual([await ended, last.result, last.ended], [0, "up", "asked"]);
    } finally {
      up.kill("SIGKILL");
      await ended;
      await run("lab", "down", "--all");
    }
  }));
