import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { experimentSchema, isWithin, type Tolerance } from "../../../src/reproduce/chaos-toolkit/experiment.ts";
import { exportExperiment, readDraft } from "../../../src/reproduce/chaos-toolkit/export.ts";
import { importExperiment, readExperiment } from "../../../src/reproduce/chaos-toolkit/import.ts";
import { type Carried, journalOf, journalSchema } from "../../../src/reproduce/chaos-toolkit/journal.ts";
import { splitWords } from "../../../src/reproduce/chaos-toolkit/words.ts";

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
  configuration: { api: "10.0.0.7", data: { type: "env", key: "PGDATA" }, wait: 5 },
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

test("actions become factors, the steady state the symptom, rollbacks undo; what is Python is named", () => {
  const read = readExperiment(JSON.stringify(experiment), "experiment.json");
  const { draft, notRun } = importExperiment(read.experiment);
  assert.deepEqual(draft, {
    title: "The primary dies",
    description: "Payments go on within a minute.",
    symptom: {
      title: "not: Payments are taken",
      probes: [{ id: "payments-are-taken", http: { url: "http://10.0.0.7/health", timeoutMs: 3000 }, expect: 200 }],
    },
    factors: [
      {
        id: "kill-the-primary",
        process: { command: ["pkill", "-9", "-f", "postgres -D ${PGDATA}"], timeoutMs: 5000 },
        pauseAfterMs: 2500,
      },
      {
        id: "drain",
        process: { command: ["drain", "--with", "${token}", "--or", "${STORE_TOKEN}", "--now"] },
        background: true,
      },
    ],
    undo: [{ id: "kill-the-primary-2", process: { command: ["/bin/true"] } }],
  });
  assert.ok(!JSON.stringify(draft).includes("geheim"));
  assert.deepEqual(
    notRun.map(({ name }) => name),
    ["Payments are taken", "by python", "nowhere"],
  );
  assert.match(notRun[1]?.why ?? "", /os\.remove/);
});

describe("tolerances", () => {
  const at = (status: number, stdout = "") => ({ status, stdout });
  const table: readonly [Tolerance, Parameters<typeof isWithin>[1], boolean | undefined][] = [
    [0, at(0), true],
    [0, at(1), false],
    [true, at(0), true],
    [true, { status: 204, body: "" }, true],
    [false, at(3), true],
    ["OK", at(0, "OK\n"), true],
    [[200, 204], { status: 204, body: "" }, true],
    [[200, 204], { status: 500, body: "" }, false],
    [{ type: "regex", pattern: "^lag: [0-3]$", target: "stdout" }, at(0, "lag: 2"), true],
    [{ type: "regex", pattern: "up" }, { status: 200, body: "it is up" }, true],
    [{ type: "regex", pattern: "(?P<a>x)" }, at(0, "x"), undefined],
    [{ type: "range", range: [1, 2], target: "stdout" }, at(0, "2"), true],
    [{ type: "range", range: [1, 2], target: "stdout" }, at(0, "2.1"), false],
    [{ type: "range", range: [0, 2], target: "stdout" }, at(0, ""), false],
    [{ type: "range", range: [200, 299], target: "status" }, { status: 301 }, false],
    [{ type: "jsonpath", path: "$.a" }, at(0), undefined],
    [{ type: "probe", provider: {} }, at(0), undefined],
  ];
  for (const [tolerance, output, expected] of table)
    test(`${JSON.stringify(tolerance)} of ${JSON.stringify(output)}`, () =>
      assert.equal(isWithin(tolerance, output), expected));
});

test("words are split as a shell splits them", () => {
  const table: readonly [string, string[]][] = [
    ["-i s/hello/bonjour/ file.txt", ["-i", "s/hello/bonjour/", "file.txt"]],
    [`a 'b c' "d \\"e\\" f" g\\ h`, ["a", "b c", 'd "e" f', "g h"]],
    [`a''b "" `, ["ab", ""]],
    ["", []],
    ["it's", ["it's"]],
  ];
  for (const [line, words] of table) assert.deepEqual(splitWords(line), words, line);
});

test("what is exported is a valid experiment, and is imported as what it was", () => {
  const word = fc.string({ minLength: 1 }).filter((text) => !text.includes("${"));
  const id = fc.stringMatching(/^[a-z]{1,8}$/);
  const doing = fc.record(
    {
      id,
      process: fc.record({ command: fc.array(word, { minLength: 1 }) }),
      pauseAfterMs: fc.integer({ min: 1, max: 9999 }),
    },
    { requiredKeys: ["id", "process"] },
  );
  const ids = (list: readonly { id: string }[]) => new Set(list.map((one) => one.id)).size === list.length;
  fc.assert(
    fc.property(fc.array(doing, { maxLength: 4 }).filter(ids), (factors) => {
      const draft = readDraft(
        { title: "t", description: "d", symptom: { title: "not: well", probes: [] }, factors },
        "x",
      );
      const { experiment, notSaid } = exportExperiment(draft, "x");
      assert.deepEqual(notSaid, []);
      assert.deepEqual(importExperiment(experimentSchema.parse(JSON.parse(JSON.stringify(experiment)))).draft, draft);
    }),
  );
});

test("a fault becomes a call of blackstart; a setting cannot be said, and that is told", () => {
  const draft = readDraft(
    {
      title: "t",
      symptom: { probes: [{ id: "up", process: { command: ["pg_isready"] } }] },
      factors: [
        { id: "kill", fault: "kill-primary" },
        { id: "hang", fault: "hang", node: "pg2" },
        { id: "fsync", settings: { fsync: "off" } },
      ],
    },
    "x",
  );
  const { experiment, notSaid } = exportExperiment(draft, "x");
  assert.deepEqual(
    experiment.method.map((one) => (one as any).provider.arguments),
    [
      ["lab", "break", "kill-primary"],
      ["lab", "break", "hang", "--node", "pg2"],
    ],
  );
  assert.equal((experiment as any)["steady-state-hypothesis"].probes[0].tolerance, 0);
  assert.deepEqual(
    notSaid.map((one) => one.id),
    ["fsync"],
  );
});

test("a journal tells the run, with durations in seconds, and whether it deviated", () => {
  const done = (name: string, toleranceMet?: boolean): Carried => ({
    activity: { name },
    status: "succeeded",
    start: "2026-11-20T03:00:00.000Z",
    end: "2026-11-20T03:00:01.250Z",
    output: { status: 0 },
    ...(toleranceMet === undefined ? {} : { toleranceMet }),
  });
  const journal = journalOf({
    experiment: readExperiment(JSON.stringify(experiment), "x").experiment,
    status: "completed",
    start: "2026-11-20T03:00:00.000Z",
    end: "2026-11-20T03:01:00.500Z",
    before: [done("up", true)],
    after: [done("up", true), done("writes", false)],
    run: [done("kill")],
    rollbacks: [],
    machine: { platform: "Linux", node: "pg1" },
  });
  assert.deepEqual(journalSchema.parse(JSON.parse(JSON.stringify(journal))), journal);
  assert.deepEqual(
    [journal.deviated, journal.duration, journal.run[0]?.duration, journal.steady_states?.after?.steady_state_met],
    [true, 60.5, 1.25, false],
  );
  assert.deepEqual(Object.keys(journal), [
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
  const read = readExperiment(JSON.stringify(journal), "journal.json");
  assert.equal(read.journal?.deviated, true);
  assert.equal(importExperiment(read.experiment).draft.factors.length, 2);
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
