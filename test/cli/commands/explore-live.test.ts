import assert from "node:assert/strict";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { recordsIn } from "../../../src/lab/open.ts";
import { liveScenario } from "../../../src/reproduce/explore/live/scenario.ts";
import { trialFolder } from "../../../src/reproduce/trial/trial-lab.ts";
import { withFolder } from "../../support/folder.ts";
import { type CommandLine, commandLine, type Ended } from "../command-line.ts";

async function withCommandLine(use: (line: CommandLine, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o755); // Where we are root, others run the servers.
    await use(commandLine(folder), folder);
  });
}

const nobodyActs = ["--manager", "streaming", "--automation", "none", "--quiet-for", "3s"];

describe("reproduce explore by trials", () => {
  test("what blocks: the faults, the candidate, and a scenario that shows it again; exit code 1", async () => {
    await withCommandLine(async (line, folder) => {
      const out = join(folder, "found");
      const explore = (...more: string[]) =>
        line.run("reproduce", "explore", ...nobodyActs, "--trials", "2", "--out", out, ...more);
      const { code, result, records, stderr } = await explore("--json");
      assert.equal(code, 1, stderr);
      assert.deepEqual([result.result, result.states, result.trials, result.complete], ["explore", 2, 2, false]);
      const [found] = result.blocked;
      assert.deepEqual(found.faults, [
        { kind: "break", fault: "kill", on: "pg1", as: "primary", text: "pg1 is killed" },
      ]);
      assert.deepEqual([found.candidate, found.seen, found.trials], ["pg2", 3, 3]);
      assert.equal(records.filter(({ finding }) => finding?.code === "failover.blocked").length, 1);
      assert.deepEqual(await readdir(out), ["blocked-1.yaml"]);

      const people = await explore();
      assert.equal(people.code, 1);
      assert.match(people.stdout, /critical {2}Nobody takes writes, although pg2 or pg3 could\./);
      assert.match(people.stdout, /seen: in 3 of 3 trials/);
      assert.match(people.stdout, /Stopped early: --trials was reached\./);

      const again = await line.run("reproduce", "run", found.scenario, "--trials", "1", "--control", "1", "--json");
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual([again.result.reproduced, again.result.control.reproduced], [1, 0]);
    });
  });

  test("of a lab: clusters made like it are explored, and it is not touched; exit code 0", async () => {
    await withCommandLine(async (line) => {
      const up = await line.run("lab", "up", "alone", "--sync", "0", "--async", "0", "--no-durable", "--json");
      assert.equal(up.code, 0, up.stderr);
      const status = async () => (await line.run("lab", "status", "--json")).stdout;
      try {
        const before = await status();
        const { code, result, stderr } = await line.run(
          ..."reproduce explore --lab alone --automation none --quiet-for 3s --json".split(" "),
        );
        assert.equal(code, 0, stderr);
        assert.match(stderr, /The lab alone is not touched/);
        // Alone, it is nobody's fault that nobody takes over.
        assert.deepEqual([result.states, result.blocked, result.complete], [3, [], true]);
        assert.deepEqual([result.manager, result.standbys], ["streaming", []]);
        assert.equal(await status(), before);
      } finally {
        await line.run("lab", "down", "alone");
      }
    });
  });

  test("Ctrl-C ends it with what was found so far, and leaves no cluster", async () => {
    await withCommandLine(async (line, folder) => {
      const child = line.start("reproduce", "explore", ...nobodyActs, "--json");
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      let stdout = "";
      let isAsked = false;
      child.stdout?.on("data", (data) => {
        stdout += data;
        // Once: a second time would end it at once.
        if (!isAsked && stdout.includes('"trial"')) isAsked = child.kill("SIGINT");
      });
      assert.equal(await ended, 4);
      const result = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
      assert.deepEqual([result.interrupted, result.complete, result.states], [true, false, 1]);
      const { cluster } = liveScenario(
        { manager: "streaming", standbys: [], proxied: false, automation: "none" },
        1000,
      );
      const left = recordsIn(await trialFolder(cluster, join(folder, "labs")));
      assert.deepEqual(
        left.filter(({ maker }) => maker.pid === child.pid),
        [],
      );
    });
  });

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["Pacemaker, which can be asked itself", ["--manager", "pacemaker"], /has a scheduler[^]*--cib/],
    ["a manager and a CIB", ["--manager", "patroni", "--cib", "cib.xml"], /--manager patroni[^]*of a CIB/],
    ["more faults than anybody waits for", ["--manager", "streaming", "--faults", "7"], /--faults 7 is more than 6/],
    ["no duration", ["--manager", "streaming", "--quiet-for", "soon"], /--quiet-for soon is no duration/],
    ["a lab that is not there", ["--lab", "nowhere"], /There is no lab called “nowhere”/],
  ];
  for (const [name, args, says] of wrong)
    test(`${name}: refused, and what to do`, async () => {
      await withCommandLine(async (line) => {
        const { code, stderr }: Ended = await line.run("reproduce", "explore", ...args);
        assert.ok(code === 2 || code === 1, stderr);
        assert.match(stderr, says);
        assert.match(stderr, /next: /);
      });
    });
});
