import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { captureOfCib } from "../../../src/reproduce/capture/of-cib.ts";
import { compareCaptures } from "../../../src/reproduce/compare/compare.ts";
import { withFactors } from "../../../src/reproduce/compare/factors-file.ts";
import { factorsOf } from "../../../src/reproduce/compare/factors.ts";
import { capture, node } from "../captures.ts";

const lab = { system: "trial" };
const factors = (...sides: Parameters<typeof compareCaptures>) => factorsOf(compareCaptures(...sides));
const made = (...sides: Parameters<typeof compareCaptures>) => factors(...sides).factors.map(({ factor }) => factor);

test("a setting is a factor with the value of the left", () => {
  assert.deepEqual(made(capture({ fsync: "off" }), capture({ max_connections: "300" }, lab)), [
    { id: "fsync", settings: { fsync: "off" } },
    { id: "max-connections", settings: { max_connections: "100" } },
  ]);
});

test("of some nodes only, by their names in the lab; standbys are named as the lab names them", () => {
  const names = { synchronous_standby_names: "ANY 1 (pg2, pg3)" };
  const left = capture({}, { nodes: { pg1: node("primary", names), pg2: node("asynchronous", { jit: "off" }) } });
  const nodes = {
    a: node("primary", {}, { postgres: { versionNumber: 150008, timeline: 1 } }),
    b: node("asynchronous"),
  };
  nodes.b.postgres = { ...nodes.b.postgres, streamsFrom: "a" };
  assert.deepEqual(made(left, capture({}, { ...lab, nodes })), [
    { id: "synchronous-standby-names-on-a", settings: { synchronous_standby_names: "ANY 1 (b, pg3)" }, nodes: ["a"] },
    { id: "jit-on-b", settings: { jit: "off" }, nodes: ["b"] },
  ]);
});

test("Patroni's leaves keep their place and their type; roles become a topology", () => {
  const left = capture({}, { patroni: { ttl: 30, postgresql: { use_pg_rewind: true } } });
  const { pg1, pg2 } = left.nodes as any;
  const right = capture(
    {},
    { ...lab, patroni: { ttl: 20, postgresql: { use_pg_rewind: false } }, nodes: { pg1, pg2 } },
  );
  assert.deepEqual(made(left, right), [
    { id: "postgresql-use-pg-rewind", patroni: { postgresql: { use_pg_rewind: true } } },
    { id: "ttl", patroni: { ttl: 30 } },
    { id: "nodes", topology: { synchronous: 1, asynchronous: 1 } },
  ]);
});

test("entries of a CIB: what is to be there, and what is to go", () => {
  const cib = (constraint: string, stonith: string) =>
    captureOfCib(
      `<cib><configuration><crm_config><cluster_property_set id="o"><nvpair id="s" name="stonith-enabled" value="${stonith}"/></cluster_property_set></crm_config><resources/><constraints>${constraint}</constraints></configuration></cib>`,
      "x",
    );
  const left = cib('<rsc_colocation id="1" score="-inf" rsc="ms" rsc-role="Master" with-rsc="backup"/>', "true");
  const right = cib(
    '<rsc_colocation id="1" score="-1000" rsc="backup" with-rsc="ms" with-rsc-role="Promoted"/>',
    "false",
  );
  assert.deepEqual(made(left, right), [
    {
      id: "colocation-of-backup-and-ms-promoted",
      cib: {
        constraint: { colocation: { rsc: "ms", "with-rsc": "backup", "rsc-role": "Promoted", score: "-INFINITY" } },
        without: { colocation: { rsc: "backup", "with-rsc": "ms", "with-rsc-role": "Promoted", score: "-1000" } },
      },
    },
    { id: "property-stonith-enabled", cib: { property: { "stonith-enabled": "true" } } },
  ]);
  assert.deepEqual(made(cib("", "true"), left)[0]?.cib, {
    without: { colocation: { rsc: "ms", "with-rsc": "backup", "rsc-role": "Promoted", score: "-INFINITY" } },
  });
});

test("what a lab cannot have is told with the reason, and so is what was hidden", () => {
  const machine = (kernel: string) => ({ machine: { facts: { kernel }, mounts: {} } });
  const left = capture(
    { archive_command: "push --token …" },
    { nodes: { pg1: node("primary", { archive_command: "push --token …" }, machine("5")) } },
  );
  const right = capture({}, { ...lab, nodes: { pg1: node("primary", {}, machine("6")) } });
  const { factors: none, others } = factors(left, right);
  assert.deepEqual(none, []);
  assert.deepEqual(
    others.map(({ of }) => of.where),
    ["setting archive_command", "kernel"],
  );
  assert.match(others[0]?.reason ?? "", /secret/);
});

test("a scenario keeps what stands in it, and is given each factor once", () => {
  const before =
    '# ours\nsymptom: writes fail # for long\nfactors:\n  # by hand\n  - id: fsync\n    settings: { fsync: "on" }\n';
  const found = factors(capture({ fsync: "off", jit: "off" }), capture({}, lab));
  const once = withFactors(before, found, "s.yaml");
  assert.deepEqual([once.added, once.already], [1, ["fsync"]]);
  for (const kept of ["# ours", "# for long", "# by hand"]) assert.ok(once.text.includes(kept), once.text);
  assert.deepEqual(parse(once.text).factors, [
    { id: "fsync", settings: { fsync: "on" } },
    { id: "jit", settings: { jit: "off" } },
  ]);
  assert.equal(withFactors(once.text, found, "s.yaml").text, once.text);
  assert.deepEqual(parse(withFactors("", found, "s.yaml").text).factors.length, 2);
  for (const wrong of ["factors: 1\n", "a: [\n", "- a\n"])
    assert.throws(() => withFactors(wrong, found, "s.yaml"), { code: "INPUT_INVALID" });
});

test("a value with line breaks does not leave its comment", () => {
  const found = factors(capture({ restore_command: "a\nid: x\n# b" }), capture({}, lab));
  assert.equal(parse(withFactors("", found, "s.yaml").text).factors.length, 1);
});
