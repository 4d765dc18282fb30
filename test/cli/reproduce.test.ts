import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { defaultConfiguration } from "../../src/lab/pacemaker/default-configuration.ts";
import { readExperiment } from "../../src/reproduce/chaos-toolkit/import.ts";
import { loadScenario } from "../../src/reproduce/scenario/load.ts";
import { captureText } from "../../src/reproduce/capture/file.ts";
import { capture } from "../reproduce/captures.ts";
import { withFolder } from "../support/folder.ts";
import { noPostgres } from "../support/postgres-versions.ts";
import { type CommandLine, commandLine } from "./command-line.ts";

/** Two captures, of production and of a lab. */
const withFiles = (use: (cli: CommandLine, folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    await writeFile(join(folder, "production.yaml"), captureText(capture({ fsync: "off", jit: "off" })));
    await writeFile(join(folder, "lab.yaml"), captureText(capture({}, { system: "trial" })));
    await use(commandLine(folder), folder);
  });

test("compare names the differences, the most likely first, and ends with 0", () =>
  withFiles(async ({ run }) => {
    const shown = await run("reproduce", "compare", "production.yaml", "lab.yaml");
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(
      shown.stdout,
      /^2\. It decides whether[\s\S]*setting fsync +off +on[\s\S]*power loss[\s\S]*^9\. [\s\S]*setting jit/m,
    );
    assert.match(shown.stderr, /Not compared, as it must differ/);
    const { code, result } = await run("reproduce", "compare", "production.yaml", "lab.yaml", "--json");
    assert.deepEqual([code, result.result], [0, "compare"]);
    assert.deepEqual(
      result.differences.map(({ where, left, right, rank }: any) => ({ where, left, right, rank })),
      [
        { where: "setting fsync", left: "off", right: "on", rank: 2 },
        { where: "setting jit", left: "off", right: "on", rank: 9 },
      ],
    );
    assert.equal((await run("reproduce", "compare", "production.yaml", "lab.yaml", "--exit-code")).code, 1);
    const same = await run("reproduce", "compare", "lab.yaml", "lab.yaml", "--exit-code");
    assert.equal(same.code, 0);
    assert.match(same.stdout, /differ in nothing that was compared/);
  }));

test("the differences go into a scenario as factors", () =>
  withFiles(async ({ run }, folder) => {
    const printed = await run("reproduce", "compare", "production.yaml", "lab.yaml", "--as-factors");
    assert.deepEqual(parse(printed.stdout).factors[0], { id: "fsync", settings: { fsync: "off" } });
    const file = join(folder, "scenario.yaml");
    await writeFile(file, "# ours\nfactors: []\n");
    const { result } = await run(
      "reproduce",
      "compare",
      "production.yaml",
      "lab.yaml",
      "--into",
      "scenario.yaml",
      "--json",
    );
    assert.deepEqual([result.result, result.factors.length, result.file], ["compare", 2, file]);
    const text = await readFile(file, "utf8");
    assert.match(text, /^# ours/);
    assert.equal(parse(text).factors.length, 2);
  }));

test("a scenario that is not there yet is made, and can be run; Pacemaker's configuration is put beside it", () =>
  withFiles(async ({ run }, folder) => {
    const made = await run("reproduce", "compare", "production.yaml", "lab.yaml", "--into", "new.yaml");
    assert.match(made.stderr, /put in the symptom that was seen/);
    assert.equal((await loadScenario(join(folder, "new.yaml"))).factors.length, 2);
    const lab = defaultConfiguration(["pg1", "pg2", "pg3"]);
    await writeFile(join(folder, "lab.xml"), lab);
    await writeFile(join(folder, "production.xml"), lab.replace('value="stop"', 'value="ignore"'));
    await run("reproduce", "compare", "production.xml", "lab.xml", "--into", "outage.yaml");
    const { cluster, factors } = await loadScenario(join(folder, "outage.yaml"));
    assert.equal(factors[0]?.manage, "configure property no-quorum-policy=ignore");
    assert.match(await readFile(join(folder, cluster.configuration ?? ""), "utf8"), /backup-vip-not-with-primary/);
  }));

test("what cannot be compared is told with the way out", () =>
  withFiles(async ({ run }, folder) => {
    await writeFile(join(folder, "broken.yaml"), "format: 1\nblackstart: capture\nnodes: 5\n");
    await writeFile(join(folder, "broken.xml"), "<cib><a></cib>");
    const wrong: [string[], string, RegExp][] = [
      [["production.yaml", "nothing.yaml"], "UNKNOWN_NAME", /no file and no cluster/],
      [["production.yaml", "lab:none"], "UNKNOWN_NAME", /no lab/],
      [["production.yaml", "broken.yaml"], "INPUT_INVALID", /is no capture/],
      [["production.yaml", "broken.xml"], "INPUT_INVALID", /is no CIB/],
      [["production.yaml"], "SYSTEM_FILE_MISSING", /no blackstart\.yaml/],
    ];
    for (const [args, code, said] of wrong) {
      const ended = await run("reproduce", "compare", ...args, "--json");
      assert.deepEqual([ended.code, ended.result.error.code], [2, code], ended.stderr);
      assert.match(ended.stderr, said);
    }
  }));

test("a lab is captured into a file, changed, and compared with what it was", { skip: noPostgres }, () =>
  withFolder(async (folder) => {
    await chmod(folder, 0o755);
    const { run } = commandLine(folder);
    try {
      const up = await run("lab", "up", "trial", "--no-durable", "--sync", "0", "--json");
      assert.equal(up.code, 0, up.stderr);
      const captured = await run("reproduce", "capture", "--lab", "trial", "--into", "before.yaml", "--json");
      assert.deepEqual(
        [captured.code, captured.result.result, captured.result.asked, captured.result.missing],
        [0, "reproduce capture", 2, 0],
      );
      assert.equal(
        (await run("reproduce", "capture", "--lab", "trial", "--into", "before.yaml")).code,
        2,
        "overwritten",
      );
      const printed = await run("reproduce", "capture", "trial/ledger", "--lab", "trial");
      assert.equal(parse(printed.stdout).format, 1);
      assert.equal((await run("reproduce", "compare", "before.yaml", "--lab", "trial", "--exit-code")).code, 0);
      const file = join(folder, "home", "labs", "trial", "blackstart.yaml");
      assert.deepEqual((await run("reproduce", "compare", file, "before.yaml", "--json")).result.differences, []);
      await run("lab", "break", "kill-primary");
      const after = await run("reproduce", "compare", "before.yaml", "lab:trial", "--json");
      assert.equal(after.code, 0, after.stderr);
      assert.deepEqual(after.result.differences, []);
      assert.ok(
        after.result.notCompared.some((line: string) => line.startsWith("Settings of pg1")),
        after.stdout,
      );
    } finally {
      await run("lab", "down", "--all");
    }
  }),
);

test("an experiment is imported as a scenario, and exported again", () =>
  withFiles(async ({ run }, folder) => {
    const experiment = {
      version: "1.0.0",
      title: "t",
      description: "d",
      "steady-state-hypothesis": {
        title: "up",
        probes: [
          { type: "probe", name: "up", provider: { type: "process", path: "true", arguments: [] }, tolerance: 0 },
        ],
      },
      method: [{ type: "action", name: "kill", provider: { type: "process", path: "kill", arguments: ["-9", "1"] } }],
      rollbacks: [],
    };
    await writeFile(join(folder, "experiment.json"), JSON.stringify(experiment));
    const taken = await run("reproduce", "import", "experiment.json", "--into", "scenario.yaml", "--json");
    assert.deepEqual([taken.code, taken.result.notRun], [0, []], taken.stderr);
    const scenario = await loadScenario(join(folder, "scenario.yaml"));
    assert.deepEqual(
      scenario.factors.map(({ command }) => command),
      ["kill -9 1"],
    );
    assert.equal(
      (await run("reproduce", "import", "experiment.json", "--into", "scenario.yaml")).code,
      2,
      "overwritten",
    );
    const given = await run("reproduce", "export", "scenario.yaml");
    const [kill] = readExperiment(given.stdout, "exported").experiment.method as any;
    assert.deepEqual([kill.provider.path, kill.provider.arguments], ["sh", ["-c", "kill -9 1"]]);
    assert.match(given.stderr, /not exported: cluster/);
    assert.equal((await run("reproduce", "import", "none.json", "--json")).result.error.code, "INPUT_INVALID");
  }));
