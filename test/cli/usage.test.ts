import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { type CommandLine, commandLine } from "./command-line.ts";

const withCommandLine = (use: (cli: CommandLine, folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    await writeFile(join(folder, "blackstart.yaml"), "system: payments\n");
    return use(commandLine(folder), folder);
  });

test("help and version go to stdout and end with 0", () =>
  withCommandLine(async ({ run }) => {
    for (const args of [["--help"], ["incident", "--help"], ["mitigate", "failover", "--help"], ["help"]]) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stderr], [0, ""], args.join(" "));
      assert.match(stdout, /^Usage: blackstart/);
      for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `wider than 80 columns: ${line}`);
    }
    assert.match((await run("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
  }));

test("a wrong call ends with 2, says what to type, and leaves stdout empty", () =>
  withCommandLine(async ({ run }) => {
    const wrong: [string[], RegExp][] = [
      [["statsu"], /Did you mean status/],
      [["incident", "lst"], /Did you mean list[\s\S]*blackstart incident --help/],
      [["status", "--jsn"], /Did you mean --json/],
      [["incident", "show"], /Missing required argument 'id'/],
      [["incident", "severity", "latest", "critcal", "because"], /Did you mean critical/],
      [["lab", "up", "--sync", "many"], /no number of standbys/],
      [["incident", "open", "x", "--subject", "nonsense"], /--subject cluster:ledger/],
    ];
    for (const [args, said] of wrong) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, said);
      assert.match(stderr, /^error: .*\n {2}why: .*\n {2}next: /);
    }
  }));

test("a mitigation without its target ends with 2 and gives the choices as commands to copy", () =>
  withFolder(async (folder) => {
    const nodes = (net: number) =>
      `{ a: { url: "postgres://u@10.0.${net}.1/d" }, b: { url: "postgres://u@10.0.${net}.2/d" } }`;
    const system = `system: s\nclusters: { one: { nodes: ${nodes(1)} }, two: { nodes: ${nodes(2)} } }\n`;
    await writeFile(join(folder, "blackstart.yaml"), system);
    const { run } = commandLine(folder);
    for (const [kind, target] of [
      ["restart", "one/b"],
      ["rejoin", "two/a"],
      ["demote", "two/b"],
      ["unfence", "one/a"],
      ["failover", "two"],
      ["switchover", "one"],
    ] as const) {
      const { code, stderr } = await run("mitigate", kind);
      assert.equal(code, 2, stderr);
      assert.match(stderr, new RegExp(`^ +blackstart mitigate ${kind} ${target}$`, "m"));
    }
  }));

test("where there is nothing to name, it is said how it comes to be; and what can be listed is listed", () =>
  withCommandLine(async ({ run }) => {
    assert.match((await run("incident", "ack", "latest")).stderr, /next: Open one: blackstart incident open/);
    assert.match((await run("plan", "show", "latest")).stderr, /next: Have one made: `blackstart mitigate`/);
    const healed = await run("lab", "heal");
    assert.equal(healed.code, 0, healed.stderr);
    assert.match(healed.stdout, /hang/);
    assert.doesNotMatch(healed.stdout, /two-primaries/);
    assert.match((await run("--help")).stdout.replace(/\s+/g, " "), /\$BLACKSTART_HOME, else \S+blackstart\)/);
  }));

test("a command that only groups others shows them and ends with 2", () =>
  withCommandLine(async ({ run }) => {
    for (const args of [[], ["incident"], ["lab"]]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2);
      assert.match(stderr, /^Usage: blackstart/);
    }
  }));

test("with --json an error is the last line, with its code and its exit code", () =>
  withCommandLine(async ({ run }) => {
    const { code, result } = await run("incident", "show", "nothing", "--json");
    assert.equal(code, 2);
    assert.deepEqual([result.result, result.error.code, result.exitCode], ["incident show", "UNKNOWN_NAME", 2]);
    const wrong = await run("statsu", "--json");
    assert.equal(wrong.result.error.code, "USAGE");
    for (const args of [[], ["lab"], ["incident", "hypothesis"]]) {
      const group = await run(...args, "--json");
      assert.deepEqual(
        [group.code, group.result.result, group.result.error.code, group.result.exitCode],
        [2, args.join(" "), "USAGE", 2],
      );
    }
  }));

test("a state directory that cannot be made is told as what it is", () =>
  withCommandLine(async (_, folder) => {
    await writeFile(join(folder, "file"), "");
    const { run } = commandLine(folder, { BLACKSTART_HOME: join(folder, "file", "home") });
    const { code, result } = await run("incident", "list", "--json");
    assert.deepEqual([code, result.error.code], [1, "STORE_UNUSABLE"]);
    assert.match(result.error.why, /ENOTDIR/);
  }));

test("an answer that could not be written is no success", { skip: !existsSync("/dev/full") && "no /dev/full" }, () =>
  withCommandLine(async (_, folder) => {
    const full = await open("/dev/full", "w");
    try {
      const child = commandLine(folder).startWith(["ignore", full.fd, "pipe"], "incident", "list", "--json");
      let stderr = "";
      child.stderr?.on("data", (data) => {
        stderr += data;
      });
      assert.equal(await new Promise((resolve) => child.on("close", resolve)), 1);
      assert.match(stderr, /could not be written: ENOSPC/);
    } finally {
      await full.close();
    }
  }),
);

test("a missing and a wrong system file end with 2 and name the place", () =>
  withFolder(async (folder) => {
    const { run } = commandLine(folder);
    const missing = await run("status");
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /no blackstart\.yaml[\s\S]*blackstart init/);
    await writeFile(join(folder, "blackstart.yaml"), "system: s\nclusterz: {}\n");
    const wrong = await run("check");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /2:1[\s\S]*clusters/);
  }));

test("an answer that is longer than a pipe holds arrives whole", () =>
  withCommandLine(async (program, folder) => {
    const child = await tellsMuch(program, folder);
    const closed = new Promise((resolve) => child.on("close", resolve));
    let bytes = 0;
    child.stdout?.on("data", (data) => (bytes += data.length));
    assert.equal(await closed, 0);
    assert.ok(bytes > 500_000, `${bytes} bytes`);
  }));

test("asked to end, it does not wait for a reader that takes nothing more", () =>
  withCommandLine(async (program, folder) => {
    const child = await tellsMuch(program, folder);
    const exited = new Promise((resolve) => child.on("exit", (code) => resolve(code)));
    child.kill("SIGTERM");
    assert.equal(await exited, 0);
    child.stdout?.destroy();
  }));

/** It has more to say than a pipe holds, and nobody has read anything of it yet. */
async function tellsMuch({ run, start }: CommandLine, folder: string): Promise<ChildProcess> {
  const { result } = await run("incident", "open", "payments", "fail", "--json");
  const timeline = await openSqliteTimeline(join(folder, "home", "timelines", "payments.db"));
  const noted = { kind: "incident.noted", by: "person:ada", data: { text: "x".repeat(10_000) } };
  await timeline.append(
    `incident/${result.incident.id}`,
    "any",
    Array.from({ length: 50 }, () => noted),
  );
  await timeline.close();
  const child = start("incident", "show", "latest", "--json");
  // Until it has ended, or waits: its time on a processor stands still.
  let before = "";
  const isIdle = async () => {
    const now = existsSync(`/proc/${child.pid}/stat`) ? await readFile(`/proc/${child.pid}/stat`, "utf8") : "ended";
    if (now === before && now !== "") return true;
    before = now;
    return undefined;
  };
  await pollUntil(isIdle, { everyMs: 200, timeoutMs: 60_000 });
  return child;
}

test("a reader that has read enough is no error", () =>
  withCommandLine(async ({ start }) => {
    const child = start("--help");
    child.stdout?.destroy();
    let stderr = "";
    child.stderr?.on("data", (data) => {
      stderr += data;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.deepEqual([code, stderr], [0, ""]);
  }));

test("each system has a timeline of its own, also when its file is wrong in something else", () =>
  withCommandLine(async ({ run }, folder) => {
    await run("incident", "open", "payments", "fail");
    const other = join(folder, "other.yaml");
    await writeFile(other, "system: shop\n");
    const listed = async (...args: string[]) => (await run(...args, "incident", "list", "--json")).result;
    assert.deepEqual([(await listed()).incidents, (await listed("--file", other)).incidents], [1, 0]);

    await writeFile(join(folder, "blackstart.yaml"), "system: payments # ours\nclusters: { ledger: { nods: {} } }\n");
    assert.equal((await listed()).incidents, 1, "a typo elsewhere hides the incident");
    await rm(join(folder, "blackstart.yaml"));
    const several = await listed();
    assert.equal(several.error.code, "SYSTEM_FILE_MISSING");
    assert.match(several.error.why, /payments, shop|shop, payments/);
    await rm(join(folder, "home", "timelines", "shop.db"));
    assert.equal((await listed()).incidents, 1, "the only timeline there is");
  }));

test("an incident is told by its words: opened, taken, discussed, resolved", () =>
  withCommandLine(async ({ run }) => {
    const opened = await run("incident", "open", "payments", "fail", "--severity", "warning", "--json");
    assert.equal(opened.code, 0, opened.stderr);
    const { id } = opened.result.incident;
    assert.equal(opened.result.incident.title, "payments fail");
    assert.equal((await run("incident", "ack", id.slice(0, 10))).stdout, `${id}: ada has it.\n`);
    assert.equal((await run("incident", "ack", "latest", "--as", "grace")).code, 1);
    await run("incident", "note", "latest", "the switch blinks");
    await run("incident", "assign", "latest", "grace", "--role", "communication");
    await run("incident", "severity", "latest", "critical", "everyone", "is hit");
    await run("incident", "hypothesis", "raise", "latest", "the switch");
    await run("incident", "hypothesis", "rule-out", "latest", "h1", "it pings");
    const shown = await run("incident", "show", "latest");
    for (const said of ["critical", "ada", "grace: communication", "the switch blinks", "ruled out", "it pings"]) {
      assert.ok(shown.stdout.includes(said), `${said} is not in:\n${shown.stdout}`);
    }
    assert.equal((await run("incident", "resolve", "latest", "a new switch")).code, 0);
    const list = await run("incident", "list", "--json");
    assert.deepEqual([list.code, list.result.incidents, list.records.length], [0, 0, 1]);
    assert.equal((await run("incident", "list", "--all", "--json")).result.incidents, 1);
    const written = await run("postmortem", "draft", "latest", "--json");
    assert.equal(written.code, 0, written.stderr);
    assert.equal(
      (await run("postmortem", "draft", "latest")).code,
      1,
      "it overwrote what people may have written into",
    );
    assert.match((await run("postmortem", "show", "latest")).stdout, /# Postmortem: payments fail[\s\S]*a new switch/);
  }));
