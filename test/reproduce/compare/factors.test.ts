import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { defaultConfiguration } from "../../../src/lab/pacemaker/default-configuration.ts";
import { parse } from "yaml";
import { captureOfCib } from "../../../src/reproduce/capture/of-cib.ts";
import { compareCaptures } from "../../../src/reproduce/compare/compare.ts";
import { newScenario, withFactors } from "../../../src/reproduce/compare/factors-file.ts";
import { factorsOf } from "../../../src/reproduce/compare/factors.ts";
import { trialClusterOf } from "../../../src/reproduce/compare/trial-cluster.ts";
import { parseScenario } from "../../../src/reproduce/scenario/load.ts";
import { withFolder } from "../../support/folder.ts";
import { capture, node } from "../captures.ts";

type Sides = Parameters<typeof compareCaptures>;

const lab = { system: "trial" };
const factors = (...sides: Sides) => factorsOf(compareCaptures(...sides), ...sides);
const made = (...sides: Sides) => factors(...sides).factors.map(({ factor }) => factor);
const reasons = (...sides: Sides) => factors(...sides).others.map(({ of, reason }) => `${of.where}: ${reason}`);
const written = (...[left, right]: Sides) => {
  const fresh = newScenario("production.2017", ["production", "lab"], trialClusterOf(right).cluster);
  return withFactors(fresh, factors(left, right), "s.yaml").text;
};
const parsed = (...sides: Sides) => parseScenario(written(...sides), { path: "s.yaml" });

test("a setting is a factor with the value of the left", () => {
  assert.deepEqual(made(capture({ fsync: "off" }), capture({ max_connections: "300" }, lab)), [
    { id: "fsync", settings: { fsync: "off" } },
    { id: "max-connections", settings: { max_connections: "100" } },
  ]);
});

test("of some nodes only, by their names in a trial; standbys are named as a trial names them", () => {
  const names = { synchronous_standby_names: "ANY 1 (pg2, pg-9)" };
  const left = capture({}, { nodes: { pg1: node("primary", names), pg2: node("asynchronous", { jit: "off" }) } });
  const nodes = { a: node("asynchronous"), b: node("primary") };
  nodes.a.postgres = { ...nodes.a.postgres, streamsFrom: "b" };
  const right = capture({}, { ...lab, nodes });
  assert.deepEqual(made(left, right), [
    {
      id: "synchronous-standby-names-on-pg1",
      settings: { synchronous_standby_names: 'ANY 1 (pg2, "pg-9")' },
      nodes: ["pg1"],
    },
    { id: "jit-on-pg2", settings: { jit: "off" }, nodes: ["pg2"] },
  ]);
  assert.deepEqual(parsed(left, right).cluster.standbys, ["asynchronous"]);
  assert.match(
    reasons(left, { ...right, manager: "patroni" }).join("\n"),
    /jit: a lab with patroni has the same settings/,
  );
});

test("Patroni's times are one factor, for they must fit together; other settings are said to it; roles become a topology", () => {
  const patroni = { ttl: 30, loop_wait: 10, retry_timeout: 10, postgresql: { use_pg_rewind: true, who: "it's" } };
  const left = capture({}, { patroni, manager: "patroni" });
  const { pg1, pg2 } = left.nodes as any;
  const right = capture(
    {},
    {
      ...lab,
      manager: "patroni",
      patroni: { ...patroni, ttl: 20, loop_wait: 1, postgresql: {}, failsafe_mode: true },
      nodes: { pg1, pg2 },
    },
  );
  assert.deepEqual(made(left, right), [
    { id: "failsafe-mode", manage: "edit-config --force --quiet --set 'failsafe_mode=null'" },
    { id: "patroni-times", patroni: { ttl: 30, loop_wait: 10, retry_timeout: 10 } },
    { id: "postgresql-use-pg-rewind", manage: "edit-config --force --quiet --set 'postgresql.use_pg_rewind=true'" },
    { id: "postgresql-who", manage: `edit-config --force --quiet --set 'postgresql.who="it'\\''s"'` },
    { id: "nodes", topology: { standbys: ["synchronous", "asynchronous"] } },
  ]);
  const { cluster } = parsed(left, right);
  assert.deepEqual([cluster.manager, cluster.standbys], ["patroni", ["synchronous"]]);
  assert.deepEqual(cluster.patroni, { ttl: 20, loop_wait: 1, retry_timeout: 10 });
  assert.match(reasons(left, { ...right, manager: "none" }).join("\n"), /ttl: a lab with streaming has no Patroni/);
});

test("what a lab must not run, or cannot do without, is no factor", () => {
  const left = {
    archive_command: "archive-push %p",
    restore_command: "a\nid: x",
    logging_collector: "on",
    ssl: "on",
    log_min_messages: "panic",
    primary_slot_name: "x",
  };
  const sides = [capture(left), capture({}, lab)] as const;
  assert.deepEqual(made(...sides), []);
  assert.equal(reasons(...sides).length, 6);
  assert.deepEqual(made(capture({}), capture({ archive_command: "push" }, lab)), []);
});

const production = `<cib><configuration>
  <crm_config><cluster_property_set id="o">
    <nvpair id="o-1" name="no-quorum-policy" value="ignore"/><nvpair id="o-2" name="stonith-enabled" value="true"/>
    <nvpair id="o-3" name="stonith-action" value="off"/>
  </cluster_property_set></crm_config>
  <nodes><node id="1" uname="pg1"><instance_attributes id="n"><nvpair id="n-1" name="site" value="b c"/></instance_attributes></node>
    <node id="2" uname="pg2"/><node id="3" uname="pg3"/></nodes>
  <resources>
    <master id="msPgsql"><primitive id="pgsql" class="ocf" provider="heartbeat" type="pgsql">
      <instance_attributes id="p"><nvpair id="p-1" name="rep_mode" value="async"/><nvpair id="p-2" name="restart_on_promote" value="it's"/></instance_attributes>
      <operations><op id="p-op" name="monitor" interval="7s" timeout="60s"/></operations>
      </primitive><meta_attributes id="m"><nvpair id="m-1" name="master-max" value="1"/><nvpair id="m-2" name="clone-max" value="5"/></meta_attributes></master>
    <primitive id="PostgresqlVIP" class="ocf" provider="heartbeat" type="IPaddr2"/>
    <primitive id="PostgresqlBackupVIP" class="ocf" provider="heartbeat" type="IPaddr2"/>
    <primitive id="ping" class="ocf" provider="pacemaker" type="ping"/>
  </resources>
  <constraints>
    <rsc_colocation id="1" score="-inf" rsc="msPgsql" rsc-role="Master" with-rsc="PostgresqlBackupVIP"/>
    <rsc_colocation id="2" score="INFINITY" rsc="PostgresqlVIP" with-rsc="ping"/>
    <rsc_location id="3" rsc="PostgresqlVIP"><rule id="3-r" score="-INFINITY"><expression id="3-e" attribute="#uname" operation="eq" value="pg3"/></rule></rsc_location>
    <rsc_colocation id="4" score="7"><resource_set id="4-1"><resource_ref id="PostgresqlVIP"/><resource_ref id="PostgresqlBackupVIP"/></resource_set>
      <resource_set id="4-2" role="Master"><resource_ref id="msPgsql"/></resource_set></rsc_colocation>
  </constraints>
  <rsc_defaults><meta_attributes id="d"><nvpair id="d-1" name="resource-stickiness" value="200"/></meta_attributes></rsc_defaults>
  <op_defaults><meta_attributes id="od"><nvpair id="od-1" name="timeout" value="90s"/></meta_attributes></op_defaults>
</configuration></cib>`;
const pacemakerSides = () =>
  [
    captureOfCib(production, "production.xml"),
    captureOfCib(defaultConfiguration(["pg1", "pg2", "pg3"]), "lab"),
  ] as const;

test("entries of a CIB are said to crm, in the lab's names; what cannot be said is told with the reason", () => {
  const lines = made(...pacemakerSides()).flatMap(({ manage }) => manage?.split("\n") ?? []);
  for (const line of [
    "configure delete backup-vip-not-with-primary",
    `configure xml '<rsc_colocation id="colocation-of-postgresql-backup-vip-and-ms-pgsql-promote" score="-INFINITY" rsc="msPostgresql" rsc-role="Promoted" with-rsc="PostgresqlBackupVIP"/>'`,
    "configure property no-quorum-policy=ignore",
    "configure rsc_defaults resource-stickiness=200",
    "configure op_defaults timeout=90s",
    "resource meta msPostgresql set clone-max 5",
    "resource meta msPostgresql delete notify",
    "resource param Postgresql set rep_mode async",
    "node attribute pg1 set site 'b c'",
  ])
    assert.ok(lines.includes(line), `${line} is not among\n${lines.join("\n")}`);
  const told = reasons(...pacemakerSides()).join("\n");
  for (const reason of [
    /stonith-enabled: a lab has no fence device/,
    /restart_on_promote of pgsql: crm's command line does not take/,
    /colocation PostgresqlVIP with ping: the lab has no resource ping/,
    /operation monitor.*: crm has no line/,
  ])
    assert.match(told, reason);
  assert.equal(parsed(...pacemakerSides()).cluster.manager, "pacemaker");
});

const noCrm = spawnSync("crm", ["--version"]).error === undefined ? false : "crm is not installed";

test("crm takes every line, and what it makes of the lab is as production", { skip: noCrm }, () =>
  withFolder(async (folder) => {
    const [left, right] = pacemakerSides();
    const cib = join(folder, "cib.xml");
    writeFileSync(cib, right.pacemaker?.cib ?? "");
    const env = { ...process.env, CIB_file: cib, HOME: folder };
    for (const { factor } of factors(left, right).factors)
      for (const line of factor.manage?.split("\n") ?? []) {
        const { status, stderr, stdout } = spawnSync("sh", ["-c", `exec crm -F ${line}`], { env, encoding: "utf8" });
        assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
      }
    const after = captureOfCib(readFileSync(cib, "utf8"), "after");
    const wheres = (found: ReturnType<typeof factors>["others"]) => found.map(({ of }) => of.where).sort();
    assert.deepEqual(made(left, after), [], "every factor took effect");
    assert.deepEqual(wheres(factors(left, after).others), wheres(factors(left, right).others));
  }),
);

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
    '# ours\nscenario: s\nsymptom: { no-write-for: 1s } # for long\nfactors:\n  # by hand\n  - id: fsync\n    settings: { fsync: "on" }\n';
  const found = factors(capture({ fsync: "off", jit: "off" }), capture({}, lab));
  const once = withFactors(before, found, "s.yaml");
  assert.deepEqual([once.added, once.already], [1, ["fsync"]]);
  for (const kept of ["# ours", "# for long", "# by hand"]) assert.ok(once.text.includes(kept), once.text);
  assert.deepEqual(
    parseScenario(once.text, { path: "s.yaml" }).factors.map(({ settings }) => settings),
    [{ fsync: "on" }, { jit: "off" }],
  );
  assert.equal(withFactors(once.text, found, "s.yaml").text, once.text);
  assert.deepEqual(parse(withFactors("", found, "s.yaml").text).factors.length, 2);
  for (const wrong of ["factors: 1\n", "a: [\n", "- a\n"])
    assert.throws(() => withFactors(wrong, found, "s.yaml"), { code: "INPUT_INVALID" });
});

test("there are never more factors than a scenario may have; the least likely stand as comments", () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`extra.setting_${index}`, "1"]));
  const others = Object.fromEntries(Object.keys(many).map((name) => [name, "2"]));
  const sides = [capture({ ...many, fsync: "off" }), capture(others, lab)] as const;
  const scenario = parsed(...sides);
  assert.deepEqual([scenario.factors.length, scenario.factors[0]?.id], [32, "fsync"]);
  assert.equal(written(...sides).match(/at most 32 factors/g)?.length, 9);
});

test("a value with line breaks leaves neither its comment nor its place", () => {
  const value = "a\nid: x\n# b";
  const { factors: all } = parsed(capture({ log_line_prefix: value, restore_command: value }), capture({}, lab));
  assert.deepEqual(
    all.map(({ settings }) => settings),
    [{ log_line_prefix: value }],
  );
});
