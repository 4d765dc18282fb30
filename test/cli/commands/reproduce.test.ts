import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { withFolder } from "../../support/folder.ts";
import { commandLine } from "../command-line.ts";

/** Shows the symptom with a and c together, or with d; every call leaves a line. */
const oracle = `echo "$BLACKSTART_FACTORS" >> calls
has() { case " $BLACKSTART_FACTORS " in *" $1 "*) ;; *) return 1;; esac; }
has d || { has a && has c; }`;
const factors = ["--factors", "a,b,c,d,e"];

const calls = (folder: string) => readFileSync(join(folder, "calls"), "utf8").split("\n").length - 1;

describe("reproduce minimize, with an oracle of the user's own", () => {
  it("answers with every minimal set and the red herrings", () =>
    withFolder(async (folder) => {
      const { code, result, records } = await commandLine(folder).run(
        ...["reproduce", "minimize", "--oracle", oracle, ...factors, "--json"],
      );
      assert.equal(code, 0);
      assert.equal(result.result, "minimize");
      assert.deepEqual(result.minimal, ["d"]);
      assert.deepEqual(result.alternatives, [["a", "c"]]);
      assert.deepEqual(result.redHerrings, ["b", "e"]);
      assert.deepEqual(result.onlyWith, { a: ["c"], c: ["a"] });
      assert.equal(result.complete, true);
      assert.equal(result.errorRate, 0.01);
      assert.equal(result.trials, calls(folder));
      assert.equal(records.filter(({ trial }) => trial !== undefined).length, result.trials);
    }));

  it("goes on where it was killed, and tries nothing twice", () =>
    withFolder(async (folder) => {
      const words = ["reproduce", "minimize", "--oracle", oracle, ...factors, "--json"];
      const whole = await withFolder(async (other) => (await commandLine(other).run(...words)).result.trials);
      const { start, run } = commandLine(folder);
      for (const atCall of [4, 9, 15, 22]) {
        const child = start(...words);
        const exited = once(child, "exit");
        await pollUntil(async () => (soFar(folder) >= atCall ? true : undefined), { everyMs: 1, timeoutMs: 60_000 });
        child.kill("SIGKILL");
        await exited;
      }
      const { result } = await run(...words);
      assert.deepEqual([result.minimal, result.alternatives], [["d"], [["a", "c"]]]);
      assert.equal(result.trials, whole);
      // The call that was under way when it was killed is the only one that can be made again.
      assert.ok(calls(folder) <= whole + 4, `${calls(folder)} calls for ${whole} trials`);
    }));

  it("refuses a symptom that a run without any factor shows too", () =>
    withFolder(async (folder) => {
      const { code, result } = await commandLine(folder).run(
        ...["reproduce", "minimize", "--oracle", "true", ...factors, "--json"],
      );
      assert.equal(code, 1);
      assert.equal(result.error.code, "SYMPTOM_UNFIT");
      assert.match(result.error.what, /shows without any of the factors, in 5 of 5 control trials/);
    }));

  it("refuses a symptom that never shows, and says how rare it may still be", () =>
    withFolder(async (folder) => {
      const { code, result } = await commandLine(folder).run(
        ...["reproduce", "minimize", "--oracle", "false", ...factors, "--json"],
      );
      assert.equal(code, 1);
      assert.match(result.error.what, /does not show with all factors: in 0 of 8 trials/);
    }));

  it("takes exit code 125 as: this says nothing", () =>
    withFolder(async (folder) => {
      const skip = `case " $BLACKSTART_FACTORS " in *" b "*) exit 0;; "  ") exit 1;; esac; exit 125`;
      const { result } = await commandLine(folder).run(
        ...["reproduce", "minimize", "--oracle", skip, ...factors, "--json"],
      );
      assert.deepEqual(result.minimal, ["b"]);
    }));

  it("needs something to minimize", () =>
    withFolder(async (folder) => {
      const { code, result } = await commandLine(folder).run("reproduce", "minimize", "--json");
      assert.equal(code, 2);
      assert.equal(result.error.code, "USAGE");
    }));
});

describe("reproduce, on real clusters", () => {
  const story = `
scenario: writes-stop
cluster: { standbys: [asynchronous] }
factors:
  - { id: small, settings: { work_mem: 128kB } }
  - { id: kill, about: the whole primary is gone, fault: kill-primary }
  - { id: standby, fault: kill-asynchronous }
symptom: { no-write-for: 400ms }
`;

  it("run says how often it shows, and keeps the logs of a trial that showed it and of one that did not", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "story.yaml"), story);
      const words = ["reproduce", "run", "story.yaml", "--trials", "2", "--control", "1", "--json"];
      const { code, result, records } = await commandLine(folder).run(...words);
      assert.equal(code, 0);
      assert.deepEqual([result.result, result.trials, result.reproduced], ["run", 2, 2]);
      assert.deepEqual(result.control, { trials: 1, reproduced: 0 });
      assert.ok(result.interval[0] > 0.3 && result.interval[1] === 1);
      const trials = records.flatMap(({ trial }) => trial ?? []);
      assert.deepEqual(
        trials.map(({ outcome }) => outcome),
        ["not-reproduced", "reproduced", "reproduced"],
      );
      for (const { logs } of trials.slice(0, 2))
        assert.match(readFileSync(join(logs, "pg1-data.log"), "utf8"), /ready to accept/);
      // Asked again, it knows.
      const again = await commandLine(folder).run(...words);
      assert.equal(again.records.filter(({ trial }) => trial !== undefined).length, 0);
      assert.deepEqual([again.result.trials, again.result.reproduced], [2, 2]);
    }));

  it("minimize finds the factor that matters and writes it down as a scenario that runs", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "story.yaml"), story);
      const { run } = commandLine(folder);
      const words = [
        "reproduce",
        "minimize",
        "story.yaml",
        "--error",
        "0.2",
        "--decisions",
        "8",
        "--control",
        "1",
        "--json",
      ];
      const { code, result } = await run(...words);
      assert.equal(code, 0);
      assert.deepEqual([result.minimal, result.redHerrings], [["kill"], ["small", "standby"]]);
      assert.equal(result.file, join(folder, "story.minimal.yaml"));
      const minimal = await run("reproduce", "run", "story.minimal.yaml", "--trials", "1", "--control", "1", "--json");
      assert.deepEqual([minimal.result.factors, minimal.result.reproduced], [["kill"], 1]);
    }));

  it("a factor that does not exist is refused with the nearest that does", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "story.yaml"), story);
      const { code, stderr } = await commandLine(folder).run("reproduce", "run", "story.yaml", "--only", "kil");
      assert.equal(code, 2);
      assert.match(stderr, /no factor “kil”.*“kill”/);
    }));
});

function soFar(folder: string): number {
  try {
    return calls(folder);
  } catch {
    return 0; // Nobody has called yet.
  }
}
