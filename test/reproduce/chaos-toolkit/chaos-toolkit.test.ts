import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { commandOf, probeLines } from "../../../src/reproduce/chaos-toolkit/commands.ts";
import { type Activity, experimentSchema, type Tolerance } from "../../../src/reproduce/chaos-toolkit/experiment.ts";
import { exportExperiment } from "../../../src/reproduce/chaos-toolkit/export.ts";
import { importExperiment, readExperiment, scenarioText } from "../../../src/reproduce/chaos-toolkit/import.ts";
import { journalOf, journalSchema } from "../../../src/reproduce/chaos-toolkit/journal.ts";
import { parseScenario } from "../../../src/reproduce/scenario/load.ts";
import type { TrialResult } from "../../../src/reproduce/trial/result.ts";
import { withFolder } from "../../support/folder.ts";

const probe = {
  type: "probe",
  name: "Payments are taken",
  tolerance: 200,
  provider: { type: "http", url: "http://${api}/health", timeout: [1, 2] },
};
const kill = {
  type: "action",
  name: "Kill the primary",
  provider: { type: "process", path: "pkill", arguments: "-9 -f 'postgres -D ${data}'", timeout: "${wait}" },
  pauses: { after: 2.5 },
};
const experiment = {
  version: "1.0.0",
  title: "The primary dies",
  description: "Payments go on within a minute.",
  tags: ["postgres"],
  configuration: { api: "10.0.0.7", data: { type: "env", key: "PGDATA", default: "/a b" }, wait: 5 },
  secrets: { store: { token: "geheim", other: { type: "env", key: "STORE_TOKEN" } } },
  controls: [{ name: "x", provider: { type: "python", module: "m" } }],
  "steady-state-hypothesis": { title: "Payments are taken", probes: [probe] },
  method: [
    kill,
    { ref: "Payments are taken" },
    {
      type: "action",
      name: "drain",
      background: true,
      provider: {
        type: "process",
        path: "drain",
        arguments: { "--with": "${token}", "--or": "${other}", "--now": "" },
      },
    },
    { type: "action", name: "by python", provider: { type: "python", module: "os", func: "remove" } },
    { ref: "nowhere" },
  ],
  rollbacks: [{ type: "action", name: "Kill the primary", provider: { type: "process", path: "/bin/true" } }],
};

const imported = (given: unknown) =>
  importExperiment(readExperiment(JSON.stringify(given), "x.json").experiment, "x.json");
const runs = (given: unknown) => parseScenario(scenarioText(imported(given)), { path: "scenario.yaml" });
const sh = (line: string, env = {}) =>
  spawnSync("sh", ["-c", line], { encoding: "utf8", env: { ...process.env, ...env } });

test("actions become factors, the steady state the symptom, rollbacks come afterwards; what is Python is named", () => {
  const scenario = runs(experiment);
  assert.equal(scenario.scenario, "the-primary-dies");
  assert.deepEqual(
    scenario.factors.map(({ id, command, after }) => ({ id, command, after })),
    [
      { id: "kill-the-primary", command: `timeout 5 pkill -9 -f 'postgres -D '"\${PGDATA:-/a b}"''`, after: undefined },
      {
        id: "drain",
        command: '(drain --with "${token}" --or "${STORE_TOKEN}" --now >/dev/null 2>&1 &)',
        after: 2500,
      },
    ],
  );
  assert.match(scenario.afterwards[0]?.command ?? "", /curl -sSL --max-time 3 .*http:\/\/10\.0\.0\.7\/health/);
  assert.equal(scenario.afterwards[1]?.command, "/bin/true || true");
  const text = scenarioText(imported(experiment));
  assert.ok(!text.includes("geheim"));
  assert.match(
    text,
    /^# It needs curl, timeout, the variable PGDATA, the variable token, the variable STORE_TOKEN\.$/m,
  );
  assert.deepEqual(
    imported(experiment).notRun.map(({ name }) => name),
    ["Payments are taken", "by python", "nowhere"],
  );
  assert.match(text, /^# Not taken: by python\. It calls os\.remove/m);
});

const shell = (command: string, tolerance?: Tolerance) => ({
  type: "probe",
  name: "well",
  ...(tolerance === undefined ? {} : { tolerance }),
  provider: { type: "process", path: "sh", arguments: ["-c", command] },
});
const action = (name: string, command: string, more = {}) => ({ ...shell(command), type: "action", name, ...more });
const hypothesis = (...probes: unknown[]) => ({ title: "well", probes });

test("the steady state is asked before the rollbacks, after the last pause, and the symptom is its answer", () =>
  withFolder(async (folder) => {
    const told = {
      title: "t",
      description: "t",
      "steady-state-hypothesis": hypothesis(shell(`test -e ${folder}/there`, 0)),
      method: [action("break", `rm ${folder}/there`, { pauses: { after: 4 } })],
      rollbacks: [action("mend", `touch ${folder}/there`)],
    };
    const { factors, afterwards, symptom } = runs(told);
    assert.equal(afterwards[0]?.after, 4000);
    const env = { BLACKSTART_LAB_FOLDER: folder };
    const isShown = (actions: readonly { command?: string | undefined }[]) => {
      assert.equal(sh(`touch ${folder}/there`).status, 0);
      for (const { command = "false" } of actions) assert.equal(sh(command, env).status, 0, command);
      return sh(symptom.command ?? "", env).status === 0;
    };
    assert.equal(isShown([...factors, ...afterwards]), true, "with the factor");
    assert.equal(isShown(afterwards), false, "without it");
    const plain = runs({ ...told, rollbacks: [] });
    assert.deepEqual(
      plain.afterwards.map(({ command, after }) => [command, after]),
      [[":", 4000]],
    );
    assert.notEqual(sh(plain.symptom.command ?? "true").status, 0);
  }));

test("what cannot be asked leaves a symptom to be put in; what cannot be done at all is refused", () => {
  const asked = { title: "t", description: "d", method: [action("a", "true")] };
  const odd = { ...asked, "steady-state-hypothesis": hypothesis(shell("true", { type: "jsonpath" }), { ref: "none" }) };
  assert.deepEqual(runs(odd).symptom, { "no-write-for": 30_000 });
  assert.match(scenarioText(imported(odd)), /^# Not taken: well\. Its tolerance/m);
  assert.equal(runs({ ...asked, method: Array.from({ length: 40 }, () => action("a", "true")) }).factors.length, 32);
  const python = { type: "action", name: "x", provider: { type: "python", module: "m", func: "f" } };
  assert.throws(
    () => imported({ ...asked, method: [python] }),
    (error: any) => error.code === "INPUT_INVALID" && /m\.f/.test(error.why),
  );
});

describe("a probe in the shell ends with 0 where it is out of its tolerance", () => {
  const table: readonly [Tolerance, command: string, within: boolean | undefined][] = [
    [0, "true", true],
    [0, "exit 1", false],
    [true, "true", true],
    [false, "exit 3", true],
    [false, "true", false],
    ["it's OK", `echo "it's OK"`, true],
    ["OK", "echo KO", false],
    [[0, 3], "exit 3", true],
    [[0, 3], "exit 2", false],
    [["a", "b"], "echo b", true],
    [{ type: "regex", pattern: "^lag: [0-3]$", target: "stdout" }, "echo lag: 2", true],
    [{ type: "regex", pattern: "(?P<a>\\d)" }, "echo 7", true],
    [{ type: "regex", pattern: "(?P<a>\\d)" }, "echo x", false],
    [{ type: "regex", pattern: "^no$", target: "stderr" }, "echo no >&2", true],
    [{ type: "range", range: [1, 2], target: "stdout" }, "echo 2", true],
    [{ type: "range", range: [1, 2], target: "stdout" }, "echo 2.1", false],
    [{ type: "range", range: [0, 2], target: "stdout" }, "true", false],
    [{ type: "range", range: [0, 20] }, "echo 12 apples", false],
    [{ type: "range", range: [2, 4], target: "status" }, "exit 3", true],
    [[0, "a"], "true", undefined],
    [{ type: "jsonpath", path: "$.a" }, "true", undefined],
    [{ type: "probe", provider: {} }, "true", undefined],
  ];
  for (const [tolerance, command, expected] of table)
    test(`${JSON.stringify(tolerance)} of ${command}`, () => {
      const lines = probeLines(shell(command, tolerance) as Activity, experimentSchema.parse(experiment));
      const within = lines === undefined ? undefined : sh(`${lines}\nexit 1`).status === 1;
      assert.equal(within, expected, lines);
    });
});

const none = experimentSchema.parse({ title: "t", description: "t" });
const noCurl = sh("curl --version").status === 0 ? false : "curl is not installed";

test("a request is made as it stands, with its body; status and body are judged", { skip: noCurl }, async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    request.setEncoding("utf8").on("data", (data) => seen.push(String(data)));
    request.on("end", () => {
      seen.push(`${request.method} ${request.url} ${request.headers["x-a"] ?? ""}`);
      response.writeHead(request.url?.startsWith("/bad") ? 503 : 200).end("it is up");
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const run = async (line = "") => (await once(spawn("sh", ["-c", line]), "close"))[0];
  const isWithin = async (path: string, tolerance: Tolerance) => {
    const probed = { type: "probe", name: "up", tolerance, provider: { type: "http", url: url + path } } as const;
    return (await run(`${probeLines(probed, none)}\nexit 1`)) === 1;
  };
  try {
    assert.equal(await isWithin("/", 200), true);
    assert.equal(await isWithin("/bad", 200), false);
    assert.equal(await isWithin("/", "it is up"), true);
    assert.equal(await isWithin("/bad", [200, 503]), true);
    seen.length = 0;
    const provider = { type: "http", method: "post", url: `${url}/x`, headers: { "X-A": "it's" } } as const;
    const send = (given: unknown, more = {}) =>
      run(
        commandOf(
          { type: "action", name: "send", provider: { ...provider, ...more, arguments: given } } as Activity,
          none,
        ),
      );
    await send({ a: "b&c" });
    await send({ a: "b&c" }, { headers: { "content-type": "application/json" } });
    await send({ a: "b" }, { method: "GET" });
    assert.deepEqual(seen, ["a=b%26c", "POST /x it's", '{"a":"b&c"}', "POST /x ", "GET /x?a=b it's"]);
  } finally {
    server.close();
  }
});

test("words of an experiment reach the program as they are", () => {
  const word = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes("${"));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4 }), (words) => {
      const provider = { type: "process" as const, path: "printf", arguments: ["%s|", "a", ...words] };
      const line = commandOf({ type: "action", name: "a", provider }, none) ?? "";
      assert.equal(sh(line).stdout, `${["a", ...words].join("|")}|`);
    }),
    { numRuns: 50 },
  );
});

test("a text for the shell stays one, and its variables are filled in wherever they stand", () => {
  const configuration = {
    x: { type: "env", key: "X_OF_TEST" },
    y: { type: "env", key: "Y_OF_TEST", default: 'd"$(e)`' },
  };
  const given = `'a \${x}' "b' \${x}" c\\'\${x} 'd''e"'"\${y}" | tr a-z A-Z`;
  const provider = { type: "process" as const, path: "printf", arguments: `'%s|' ${given}` };
  const line = commandOf({ type: "action", name: "a", provider }, { ...none, configuration }) ?? "";
  assert.equal(sh(line, { X_OF_TEST: "one" }).stdout, `A ONE|B' ONE|C'ONE|DE"D"$(E)\`|`, line);
});

const story = `
scenario: told
cluster: { manager: patroni }
before: [{ sql: create table t (), after: 2s }]
factors:
  - { id: kill, fault: kill-primary }
  - { id: abort, fault: abort, on: sync.checkpointer, with: { a: b } }
  - { id: late, command: "echo 'a'", after: 1500ms }
  - { id: fsync, settings: { fsync: "off" } }
  - { id: at-pg2, sql: select 1, on: pg2, settled: 5s }
afterwards: [{ heal: hang, on: pg1 }, { promote: furthest }]
symptom: { command: test -e /nowhere }
`;

test("a scenario becomes a valid experiment; what it cannot say is told", () => {
  const { experiment: made, notSaid } = exportExperiment(parseScenario(story, { path: "s.yaml" }));
  const read = experimentSchema.parse(JSON.parse(JSON.stringify(made)));
  assert.deepEqual(
    read.method.map((one: any) => [one.name, one.provider.path, ...one.provider.arguments, one.pauses?.before]),
    [
      ["before-1", "sh", "-c", `psql "$BLACKSTART_CLIENT_URL" -XAtq -c 'create table t ()'`, 2],
      ["kill", "blackstart", "lab", "break", "kill-primary", undefined],
      ["abort", "blackstart", "lab", "break", "abort", "--on", "sync.checkpointer", "--with", "a=b", undefined],
      ["late", "sh", "-c", "echo 'a'", 1.5],
      ["at-pg2", "sh", "-c", `psql "$BLACKSTART_URL_PG2" -XAtq -c 'select 1'`, undefined],
      ["afterwards-1", "blackstart", "lab", "heal", "hang", "--on", "pg1", undefined],
    ],
  );
  assert.deepEqual(
    notSaid.map(({ what }) => what),
    ["cluster", "fsync", "at-pg2.settled", "afterwards-2"],
  );
  const again = runs(made);
  assert.notEqual(sh(again.symptom.command ?? "true").status, 0, "the steady state holds");
  assert.equal(again.factors[1]?.command, "blackstart lab break kill-primary");
});

describe("the steady state of a symptom is that it does not show", () => {
  const table: readonly (readonly [symptom: string, psql: string, holds: boolean])[] = [
    ["command: exit 3", "", true],
    ["command: exit 0", "", false],
    ["violated: q", "true", true],
    ["violated: q", "echo row", false],
    ["violated: q", "exit 2", false],
    ["fails: q", "true", true],
    ["fails: q", "exit 3", false],
    ["fails: q, sqlstate: '53'", "echo 'ERROR:  53300' >&2; exit 1", false],
    ["fails: q, sqlstate: '53'", "echo 'ERROR:  42601' >&2; exit 1", true],
    ["no-write-for: 200ms", "true", true],
    ["no-write-for: 200ms", "false", false],
  ];
  const made = (symptom: string) =>
    exportExperiment(
      parseScenario(`{ scenario: s, factors: [{ id: a, sql: x }], symptom: { ${symptom} } }`, { path: "s.yaml" }),
    );
  for (const [symptom, psql, holds] of table)
    test(`${symptom}, psql: ${psql}`, () =>
      withFolder(async (folder) => {
        writeFileSync(`${folder}/psql`, `#!/bin/sh\n${psql}\n`, { mode: 0o755 });
        const [probe] = made(symptom).experiment["steady-state-hypothesis"]?.probes ?? [];
        const [, line] = (probe as any).provider.arguments;
        assert.equal(sh(line, { PATH: `${folder}:${process.env.PATH}` }).status === 0, holds, line);
      }));
  test("what only a lab can see is told instead", () => {
    const { experiment, notSaid } = made("log: x");
    assert.equal(experiment["steady-state-hypothesis"], undefined);
    assert.ok(notSaid.some(({ what }) => what === "symptom"));
  });
});

const trial = (outcome: TrialResult["outcome"], ...configuration: string[]): TrialResult => ({
  configuration,
  sequence: 0,
  outcome,
  tookMs: 1250,
  moments: [{ atMs: 3, what: "the cluster is up" }],
  at: "2026-11-20T03:00:00.000Z",
});
const journal = (control: readonly TrialResult[], trials: readonly TrialResult[], interrupted = false) =>
  journalOf({
    scenario: parseScenario(story, { path: "s.yaml" }),
    control,
    trials,
    interrupted,
    start: "2026-11-20T03:00:00.000Z",
    end: "2026-11-20T03:01:00.500Z",
    machine: { platform: "Linux", node: "pg1" },
  });

test("a journal tells the trials, with durations in seconds; what a reader of it reads is there", () => {
  const trials = [trial("not-reproduced", "kill"), trial("reproduced", "kill"), trial("unresolved", "kill")];
  const made = journal([trial("not-reproduced")], trials);
  assert.deepEqual(journalSchema.parse(JSON.parse(JSON.stringify(made))), made);
  assert.deepEqual(Object.keys(made), [
    "chaoslib-version",
    "platform",
    "node",
    "experiment",
    "start",
    "status",
    "deviated",
    "steady_states",
    "run",
    "rollbacks",
    "end",
    "duration",
  ]);
  assert.deepEqual(
    made.run.map(({ status, duration, end }) => [status, duration, end]),
    ["succeeded", "succeeded", "failed"].map((status) => [status, 1.25, "2026-11-20T03:00:01.250Z"]),
  );
  assert.equal(made.duration, 60.5);
  assert.deepEqual(
    made.steady_states?.after?.probes.map((probe) => probe.tolerance_met),
    [true, false],
  );
  const read = readExperiment(JSON.stringify(made), "journal.json");
  assert.equal(read.journal?.deviated, true);
  assert.equal(importExperiment(read.experiment, "x").scenario.factors.length, 6);
});

describe("a journal's status and deviation are those of the Chaos Toolkit", () => {
  const [shown, not, odd] = [trial("reproduced"), trial("not-reproduced"), trial("unresolved")];
  const table: readonly (readonly [string, ReturnType<typeof journal>, status: string, deviated: boolean])[] = [
    ["no trial showed it", journal([not], [not, not]), "completed", false],
    ["one showed it", journal([not], [not, shown]), "failed", true],
    ["the control run showed it", journal([shown], []), "failed", false],
    ["nothing could be carried out", journal([not], [odd]), "failed", false],
    ["cut short in the control run", journal([], [], true), "interrupted", false],
    ["cut short", journal([not], [shown], true), "interrupted", true],
  ];
  for (const [what, { status, deviated }, expected, deviates] of table)
    test(what, () => assert.deepEqual([status, deviated], [expected, deviates]));
});

test("an unfinished journal, as chaoslib leaves it, is read", () => {
  const text = JSON.stringify({
    "chaoslib-version": "1.44.0",
    experiment,
    start: "2026-11-20T03:00:00.000123",
    status: null,
    deviated: false,
    steady_states: { before: null, after: null, during: [] },
    run: [],
    rollbacks: [],
  });
  assert.equal(readExperiment(text, "journal.json").journal?.status, null);
});

test("what is no experiment is refused with the reason", () => {
  for (const [text, why] of [
    ["[", /./],
    ["{}", /title/],
    ['{"title":"t","description":"d","method":[{"type":"action","name":"x","provider":{"type":"magic"}}]}', /provider/],
  ] as const)
    assert.throws(
      () => readExperiment(text, "x.json"),
      (error: any) => error.code === "INPUT_INVALID" && why.test(error.why),
    );
});
