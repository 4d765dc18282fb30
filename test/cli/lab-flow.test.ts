import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { chmod } from "node:fs/promises";
import { withFolder } from "../support/folder.ts";
import { type CommandLine, commandLine } from "./command-line.ts";

/** A lab made and taken down by the commands themselves. */
async function withLabUp(use: (cli: CommandLine, up: { addressFile: string }) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    // The account that runs the servers, where we are root, must be able to enter it.
    await chmod(folder, 0o755);
    const cli = commandLine(folder);
    const up = await cli.run("lab", "up", "trial", "--no-durable", "--json");
    try {
      assert.equal(up.code, 0, up.stderr);
      await use(cli, up.result);
    } finally {
      assert.equal((await cli.run("lab", "down", "--all")).code, 0);
    }
  });
}

test("a lab is watched, broken, failed over and looked at again", () =>
  withLabUp(async ({ run }, { addressFile }) => {
    const well = await run("status");
    assert.equal(well.code, 0, well.stderr);
    assert.match(well.stderr, /this is about the lab trial/);
    assert.match(well.stdout, /ledger {2}primary pg1/);
    assert.equal((await run("check", "--json")).result.critical, 0);
    const faults = await run("lab", "break");
    assert.match(faults.stdout, /kill-primary/);

    const broken = await run("lab", "break", "kill-primary");
    assert.equal(broken.code, 0, broken.stderr);
    const down = await run("status", "--json");
    assert.equal(down.code, 1);
    assert.deepEqual([down.result.result, down.result.next], ["status", "blackstart mitigate failover ledger"]);
    const checked = await run("check");
    assert.equal(checked.code, 1);
    assert.match(checked.stdout, /plan: blackstart mitigate failover ledger/);

    await run("incident", "open", "no primary", "--subject", "cluster:ledger");
    const shown = await run("mitigate", "failover");
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /no acknowledged write is lost/);
    assert.match(shown.stderr, /blackstart mitigate failover ledger --apply/);
    assert.equal(
      (await run("plan", "list", "--all", "--json")).result.plans,
      0,
      "a plan that was only shown was stored",
    );

    const unasked = await run("mitigate", "failover", "--apply");
    assert.equal(unasked.code, 3, "without a terminal it needs --yes");
    assert.match(unasked.stderr, /--apply --yes/);

    const done = await run("mitigate", "failover", "--apply", "--yes", "--json");
    assert.equal(done.code, 0, `${done.stdout}\n${done.stderr}`);
    assert.equal(done.result.outcome, "done");
    assert.ok(done.records.some((line) => line.event?.kind === "step.done"));
    assert.doesNotMatch(await readFile(addressFile, "utf8"), /^$/);
    assert.match((await run("incident", "show", "latest")).stdout, new RegExp(`Plan ${done.result.plan} ended, done`));

    const after = await run("status");
    assert.equal(after.code, 0, after.stdout);
    assert.match(after.stdout, /ledger {2}primary pg[23]/);
    assert.match((await run("plan", "show", "latest")).stdout, /State: done/);
  }));

test("a refusal ends with 3 and says what is missing", () =>
  withLabUp(async ({ run }) => {
    const refused = await run("mitigate", "failover", "--json");
    assert.equal(refused.code, 3, refused.stderr);
    assert.equal(typeof refused.result.refused, "string");
    assert.match((await run("mitigate", "failover")).stderr, /^refused: [\s\S]*next: /m);
    const unknown = await run("mitigate", "restart", "pg9");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /Did you mean “pg/);
  }));

test("a plan whose program was killed is shown as interrupted, and resumed", () =>
  withLabUp(async ({ run, start }) => {
    await run("lab", "break", "kill-primary");
    const child = start("mitigate", "failover", "--apply", "--yes", "--json");
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("step.done")) child.kill("SIGKILL");
    });
    await new Promise((resolve) => child.on("close", resolve));

    const list = await run("plan", "list", "--json");
    assert.equal(list.records[0].plan.state, "interrupted", JSON.stringify(list.records));
    const { id } = list.records[0].plan;
    const status = await run("status", "--json");
    assert.equal(status.result.next, `blackstart plan resume ${id}`);
    const resumed = await run("plan", "resume", "latest");
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match((await run("status")).stdout, /ledger {2}primary pg[23]/);
  }));

test("Ctrl-C in the middle of a plan ends with 4 and says in what state things are", () =>
  withLabUp(async ({ run, start }) => {
    await run("lab", "break", "kill-primary");
    const child = start("mitigate", "failover", "--apply", "--yes", "--json");
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (text.includes("step.done")) child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.equal(code, 4, stdout);
    const result = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    assert.equal(result.outcome ?? result.error?.code, "stopped");
    const again = await run("mitigate", "failover", "--apply", "--yes");
    assert.ok(again.code === 0 || again.code === 3, again.stderr);
  }));

test("a plan is carried out to its end although nobody reads any more", () =>
  withLabUp(async ({ start, run }) => {
    const child = start("mitigate", "switchover", "--apply", "--yes", "--json");
    child.stdout?.once("data", () => child.stdout?.destroy());
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 0);
    const shown = await run("plan", "show", "latest", "--json");
    assert.equal(shown.result.plan.state, "done");
  }));

test("times that are not Patroni's are refused before anything is made", () =>
  withFolder(async (folder) => {
    const { run } = commandLine(folder);
    for (const options of [
      ["--patroni-times", "20/1/3"],
      ["--manager", "patroni", "--patroni-times", "20/1"],
    ]) {
      const refused = await run("lab", "up", ...options);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /--manager patroni --patroni-times 20\/1\/3/);
    }
    assert.equal((await run("lab", "status", "--json")).result.labs, 0);
  }));
