import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { expandReferences } from "../../src/system/references.ts";
import { parse, problems, refused } from "./support.ts";

const files: Record<string, string> = { "/run/pw": "s3cret\n", "/etc/pw": "beside\r\n", "/run/two": "a\nb\n\n" };
const context = {
  environment: { PW: "p@ss:w/o?r#d%", HOST: "10.0.0.1", EMPTY: "", URL: "postgres://u:p%40@h/d" },
  readFile: (path: string) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
    return text;
  },
};
const expand = (text: string) => expandReferences(text, context).text;

for (const [given, expected] of [
  ["plain", "plain"],
  ["${HOST}", "10.0.0.1"],
  ["a ${HOST} b ${HOST}", "a 10.0.0.1 b 10.0.0.1"],
  ["${NONE:-other}", "other"],
  ["${EMPTY:-other}", "other"],
  ["${HOST:-other}", "10.0.0.1"],
  ["${NONE:-}", ""],
  ["[${EMPTY}]", "[]"],
  ["$${HOST}", "${HOST}"],
  ["$$${HOST}", "$${HOST}"],
  ["select $1, $column, $$text$$, $HOST", "select $1, $column, $$text$$, $HOST"],
  ["file:/run/pw", "s3cret"],
  ["file:///run/pw", "s3cret"],
  ["${file:/run/pw}", "s3cret"],
  ["a ${file:/run/two}", "a a\nb\n"],
  ["file: not a reference", "file: not a reference"],
  ["postgres://u:${PW}@h/d", "postgres://u:p%40ss%3Aw%2Fo%3Fr%23d%25@h/d"],
  ["postgres://u:${file:/run/pw}@${HOST}:5432/d", "postgres://u:s3cret@10.0.0.1:5432/d"],
  ["postgres://${HOST}/d?password=${PW}", "postgres://10.0.0.1/d?password=p%40ss%3Aw%2Fo%3Fr%23d%25"],
  ["postgres://u@${HOST}/d", "postgres://u@10.0.0.1/d"],
  ["${URL}", "postgres://u:p%40@h/d"],
  ["redis://:${PW}@h", "redis://:p%40ss%3Aw%2Fo%3Fr%23d%25@h"],
  ["http://${HOST}/a@b/${PW}", "http://10.0.0.1/a@b/p@ss:w/o?r#d%"],
] as const)
  test(`${given} becomes ${expected}`, () => {
    assert.deepEqual(expandReferences(given, context).broken, []);
    assert.equal(expand(given), expected);
  });

test("any password comes out of the url as it went in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (password) => {
      const { text } = expandReferences("postgres://u:${PW}@h:5432/d", { ...context, environment: { PW: password } });
      assert.equal(decodeURIComponent(new URL(text).password), password);
      assert.equal(new URL(text).host, "h:5432");
    }),
    { numRuns: 1000 },
  );
});

test("what a variable holds is not looked into again, and cannot change the file", () => {
  const environment = { A: "${B}", B: "no", C: "x\nsystem: other" };
  const system = parse(
    'system: s\nclusters: { l: { nodes: { a: { url: "postgres://h", zone: "${A}", data: "${C}" } } } }',
    { environment },
  );
  assert.equal(system.clusters.l?.nodes.a?.zone, "${B}");
  assert.equal(system.system, "s");
});

describe("a reference that leads nowhere", () => {
  const node = (url: string) => `system: s\nclusters:\n  l:\n    nodes:\n      a: { url: "${url}" }\n`;
  const tell = (url: string) => problems(node(url), { ...context, path: "/etc/blackstart.yaml" });

  test("is told with the place of the reference itself", () => {
    assert.deepEqual(tell("postgres://u:${NONE}@h/${ALSO}"), [
      "5:31 clusters.l.nodes.a.url: ${NONE}: the environment variable NONE is not set",
      "5:41 clusters.l.nodes.a.url: ${ALSO}: the environment variable ALSO is not set",
    ]);
    assert.equal(refused(node("${NONE}"), context).code, "SECRET_MISSING");
    assert.deepEqual(tell("file:/run/none"), [
      "5:18 clusters.l.nodes.a.url: file:/run/none: the file /run/none cannot be read (it does not exist)",
    ]);
  });

  test("together with other problems is one more of them", () => {
    const error = refused(`${node("${NONE}")}zone: 1\n`, context);
    assert.equal(error.code, "SYSTEM_FILE_INVALID");
    assert.equal((error.details.problems as unknown[]).length, 2);
  });

  for (const text of ["${}", "${a-b}", "${NONE", "${NONE:?x}"])
    test(`${text} is no reference`, () => {
      assert.match(tell(text)[0] ?? "", /is no reference; write \$\{NAME\}/);
      assert.equal(refused(node(text), context).code, "SYSTEM_FILE_INVALID");
    });
});

test("a path that is not absolute starts beside the file", () => {
  const system = parse(
    'system: s\nclusters: { l: { nodes: { a: { url: "postgres://h", zone: "file:pw" } } } }',
    context,
  );
  assert.equal(system.clusters.l?.nodes.a?.zone, "beside");
});

test("keys are taken as they stand", () => {
  assert.match(
    problems('system: s\nclusters: { "${HOST}": { nodes: { a: "postgres://h" } } }', context)[0] ?? "",
    /a name has letters/,
  );
});

test("what came out of a reference is never shown when it is wrong", () => {
  const environment = { SECRET: "hunter2" };
  for (const text of [
    'system: "${SECRET} x"',
    "system: s\nmitigation: { failover: '${SECRET}' }",
    "system: s\nwatch: { heartbeat: '${SECRET}' }",
    "system: s\nclusters: { l: { nodes: { a: 'mysql://u:${SECRET}@h' } } }",
    "system: s\nclusters: { l: { nodes: { a: 'postgres://u:${SECRET}@h:x' } } }",
    "system: s\nclusters: { l: { nodes: { a: 'postgres://h:1', b: 'postgres://u:${SECRET}@h:1' } } }",
  ]) {
    const error = refused(text, { environment });
    assert.ok(
      !JSON.stringify([error.message, error.why, error.next, error.details]).includes("hunter2"),
      error.message,
    );
  }
});
