import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { catalogue } from "../../src/base/catalogue.ts";
import { findingGroups } from "../../src/finding/catalogue.ts";
import { mitigationKinds } from "../../src/mitigate/plans.ts";
import { parseSystem } from "../../src/system/load.ts";
import { systemWarnings } from "../../src/system/warnings.ts";
import { thresholdsSchema } from "../../src/system/thresholds.ts";
import { healthChecks } from "../../src/watch/checks/list.ts";
import { exampleFile, generatedFiles } from "../../tools/docs/generated.ts";

const root = join(import.meta.dirname, "..", "..");

for (const [path, text] of Object.entries(generatedFiles(root)))
  test(`${path} is as its source says (npm run docs)`, () =>
    assert.equal(readFileSync(join(root, path), "utf8"), text));

test("the example is right, promises nothing that it does not keep, and uses every section", () => {
  const text = readFileSync(join(root, exampleFile), "utf8");
  const system = parseSystem(text, { path: exampleFile, environment: { PGPASSWORD: "x" }, readFile: () => "y" });
  assert.deepEqual(systemWarnings(system), []);
  for (const [section, value] of Object.entries(system)) assert.notEqual(Object.keys(value).length, 0, section);
});

test("the JSON Schema takes what the check takes, and refuses what an editor should underline", () => {
  const { "schema/blackstart.schema.json": schema = "" } = generatedFiles(root);
  const editor = z.fromJSONSchema(JSON.parse(schema));
  const takes = (text: string) => editor.safeParse(parse(text)).success;
  assert.ok(takes(readFileSync(join(root, exampleFile), "utf8")));
  assert.ok(takes("system: s\nclusters: { l: { nodes: { a: 'postgres://h', b: '${URL}', c: 'file:/run/url' } } }"));
  for (const wrong of [
    "clusters: {}",
    "system: s\nzone: a",
    "system: s\nclusters: { l: { nodes: { a: 'mysql://h' } } }",
    "system: s\nclusters: { l: { nodes: { a: { hots: local, url: 'postgres://h' } } } }",
    "system: s\nmitigation: { failover: always }",
    "system: s\nclusters: { l: { synchronous: -1, nodes: { a: 'postgres://h' } } }",
  ])
    assert.ok(!takes(wrong), wrong);
});

test("every threshold and every finding of a health check is explained where it is used", () => {
  const { "docs/checks.md": page = "" } = generatedFiles(root);
  for (const threshold of Object.keys(thresholdsSchema.parse(undefined)).filter(
    (name) => !name.startsWith("replication."),
  ))
    assert.ok(page.includes(`\`${threshold}\` `), threshold);
  for (const { finds, thresholds } of healthChecks)
    for (const threshold of thresholds)
      assert.ok(
        Object.values(finds).some(({ when }) => when.includes(`\`${threshold}\``)),
        threshold,
      );
});

test("every finding that no health check makes is explained, and none that nobody makes", () => {
  const kinds = new Map(findingGroups.flatMap((group) => Object.entries(group.kinds)));
  const made = new Set(
    sourcesIn("src/watch/assess", "src/mitigate/readiness", "src/watch/checks/judge.ts").flatMap(codesIn),
  );
  assert.ok(made.size > 40, [...made].join());
  assert.deepEqual([...made].toSorted(), [...kinds.keys()].toSorted());
  for (const [code, { remedy, act }] of kinds) {
    assert.ok(remedy !== undefined || act !== undefined, `${code}: what to do?`);
    if (remedy !== undefined) assert.ok(mitigationKinds.includes(remedy), `${code}: ${remedy}`);
  }
});

function sourcesIn(...paths: readonly string[]): readonly string[] {
  const files = paths.flatMap((path) =>
    path.endsWith(".ts") ? [path] : readdirSync(join(root, path)).map((name) => join(path, name)),
  );
  return files.map((file) => readFileSync(join(root, file), "utf8"));
}

/** As they stand there; some are put together of a prefix and what the cases say. */
function codesIn(source: string): readonly string[] {
  const said = [
    ...source.matchAll(/\bcode: "([^"]+)"|\bfound\(\s*"([^"]+)"|\btried\(\s*"([^"]+)"|[:?] "(ready\.[^"]+)"/g),
  ].map(([, ...names]) => names.find(Boolean) as string);
  const [, prefix = ""] = /code: `(\w+\.)\$\{\w+\}`/.exec(source) ?? [];
  const kinds = /kind: ("\w+"(?: \| "\w+")+);/.exec(source)?.[1]?.match(/\w+/g) ?? [];
  return [...said, ...(prefix === "" ? [] : kinds)].map((name) => (name.includes(".") ? name : `${prefix}${name}`));
}

test("every key is explained, and every error", () => {
  const { "docs/system-file.md": page = "", "docs/errors.md": errors = "" } = generatedFiles(root);
  assert.doesNotMatch(page, /\|\s*\|$/m, "a key without a meaning");
  for (const code of Object.keys(catalogue)) assert.ok(errors.includes(`\`${code}\``), code);
});
