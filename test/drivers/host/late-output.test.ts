import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { localHost } from "../../../src/drivers/host/local.ts";

/** Nothing else gets a turn meanwhile, as on a machine that is overloaded. */
function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/*
 * libuv looks at signals last: while it hands out what it saw on the pipes, another program may write and end, and its end
 * is told in the same round in which its output was not seen yet.
 */
test("what a program says right before it ends arrives, however busy we are", async () => {
  const running = localHost().run({ script: "sleep 0.3; echo said" });
  const other = spawn("echo", ["busy"], { stdio: ["ignore", "pipe", "ignore"] });
  other.stdout.once("data", () => block(500));
  // Told after that of the first, in the same round: the loop comes back to the pipes late.
  other.once("exit", () => block(200));
  // Until its output and its end are both there, and are seen in one round.
  block(150);
  assert.deepEqual(await running, { code: 0, stdout: "said\n", stderr: "" });
});
