import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatTree, parseTree, type Element } from "../../../src/drivers/pacemaker/element-tree.ts";
import { captureOfCib } from "../../../src/reproduce/capture/of-cib.ts";
import { compareCaptures } from "../../../src/reproduce/compare/compare.ts";
import { cibOfShellText } from "../../../src/drivers/pacemaker/shell-text.ts";

/** The cluster of an outage: a primary with its address, and an address for backups that must stay away from it. */
function cib({ constraints = "", properties = "", resources = pgsql() + vip("vip") + vip("backup"), rest = "" } = {}) {
  return `<cib crm_feature_set="3.16.1"><configuration><crm_config><cluster_property_set id="o">${properties}</cluster_property_set></crm_config>
    <nodes><node id="1" uname="pg1"/><node id="2" uname="pg2"/></nodes>
    <resources>${resources}</resources><constraints>${constraints}</constraints>${rest}</configuration></cib>`;
}

function pgsql({
  monitor = '<op id="m" name="monitor" interval="4s" timeout="60"/>',
  clone = "ms",
  tag = "master",
} = {}) {
  const meta = tag === "clone" ? pair("promotable", "true") + pair("promoted-max", "1") : pair("master-max", "1");
  return `<${tag} id="${clone}"><meta_attributes id="${clone}-m">${meta}</meta_attributes>
    <primitive id="pgsql" class="ocf" provider="heartbeat" type="pgsql"><instance_attributes id="p">${pair("rep_mode", "sync")}
    </instance_attributes><operations>${monitor}</operations></primitive></${tag}>`;
}

function vip(id: string, address = "10.0.0.1") {
  return `<primitive id="${id}" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="${id}-i">${pair("ip", address)}</instance_attributes></primitive>`;
}

function pair(name: string, value: string) {
  return `<nvpair id="x-${name}-${value}" name="${name}" value="${value}"/>`;
}

function differences(left: string, right: string) {
  return compareCaptures(captureOfCib(left, "left"), captureOfCib(right, "right")).differences;
}

function told(left: string, right: string): string[] {
  return differences(left, right).map(({ where, left, right }) => `${where}: ${left} | ${right}`);
}

const colocation = (attributes: string) => cib({ constraints: `<rsc_colocation id="c" ${attributes}/>` });
const order = (attributes: string) => cib({ constraints: `<rsc_order id="o" ${attributes}/>` });
const property = (name: string, value: string) => cib({ properties: pair(name, value) });
const operation = (op: string) => cib({ resources: pgsql({ monitor: op }) });

describe("what means the same is no difference, however it is written", () => {
  const same: readonly [string, string, string][] = [
    [
      "ids",
      colocation('id="a" score="1" rsc="vip" with-rsc="ms"').replace('id="c" ', ""),
      colocation('score="1" rsc="vip" with-rsc="ms"'),
    ],
    [
      "infinity",
      colocation('score="-inf" rsc="vip" with-rsc="ms"'),
      colocation('score="-1000000" rsc="vip" with-rsc="ms"'),
    ],
    ["a plus", colocation('score="+INFINITY" rsc="vip" with-rsc="ms"'), colocation('rsc="vip" with-rsc="ms"')],
    [
      "roles",
      colocation('rsc="vip" with-rsc="ms" with-rsc-role="Master"'),
      colocation('rsc="vip" with-rsc="ms" with-rsc-role="Promoted"'),
    ],
    ["started", colocation('rsc="vip" with-rsc="ms" rsc-role="Started"'), colocation('rsc="vip" with-rsc="ms"')],
    ["kinds of order", order('first="ms" then="vip" score="0"'), order('first="ms" then="vip" kind="Optional"')],
    [
      "actions",
      order('first="ms" first-action="promote" then="vip"'),
      order('first="ms" first-action="promote" then="vip" then-action="promote" symmetrical="true"'),
    ],
    [
      "times",
      operation('<op id="1" name="monitor" interval="60s"/>'),
      operation('<op id="2" name="monitor" interval="1min"/>'),
    ],
    [
      "milliseconds",
      operation('<op id="1" name="monitor" interval="1500ms"/>'),
      operation('<op id="2" name="monitor" interval="1500ms"/>'),
    ],
    ["yes", property("stonith-enabled", "yes"), property("stonith-enabled", "true")],
    ["master and clone", cib(), cib({ resources: pgsql({ tag: "clone" }) + vip("vip") + vip("backup") })],
    ["addresses", cib(), cib({ resources: pgsql() + vip("vip", "10.9.9.9") + vip("backup") })],
    ["what the cluster writes itself", property("last-lrm-refresh", "1"), property("last-lrm-refresh", "2")],
    [
      "where the stickiness stands",
      property("default-resource-stickiness", "100"),
      cib({
        rest: `<rsc_defaults><meta_attributes id="r">${pair("resource-stickiness", "100")}</meta_attributes></rsc_defaults>`,
      }),
    ],
  ];
  for (const [name, left, right] of same) test(name, () => assert.deepEqual(told(left, right), []));
});

describe("what means something else is named", () => {
  const others: readonly [string, string, string, string[]][] = [
    [
      "a score",
      colocation('score="-INFINITY" rsc="backup" with-rsc="ms" with-rsc-role="Master"'),
      colocation('score="-1000" rsc="backup" with-rsc="ms" with-rsc-role="Master"'),
      ["colocation backup with ms:Promoted: -INFINITY | -1000"],
    ],
    [
      "the direction",
      colocation('score="-INFINITY" rsc="ms" rsc-role="Master" with-rsc="backup"'),
      colocation('score="-INFINITY" rsc="backup" with-rsc="ms" with-rsc-role="Master"'),
      ["colocation of backup and ms:Promoted: ms:Promoted with backup, -INFINITY | backup with ms:Promoted, -INFINITY"],
    ],
    [
      "a role",
      colocation('rsc="vip" with-rsc="ms" with-rsc-role="Master"'),
      colocation('rsc="vip" with-rsc="ms"'),
      ["colocation vip with ms: null | INFINITY", "colocation vip with ms:Promoted: INFINITY | null"],
    ],
    ["a missing rule", colocation('rsc="vip" with-rsc="ms"'), cib(), ["colocation vip with ms: INFINITY | null"]],
    [
      "influence",
      colocation('rsc="vip" with-rsc="ms"'),
      colocation('rsc="vip" with-rsc="ms" influence="false"'),
      ["colocation vip with ms: INFINITY | INFINITY, influence false"],
    ],
    [
      "an order",
      order('first="ms" first-action="promote" then="vip" then-action="start"'),
      order('first="ms" first-action="promote" then="vip" then-action="start" symmetrical="false"'),
      ["order ms:promote then vip: Mandatory | Mandatory, symmetrical false"],
    ],
    [
      "an order that is turned",
      order('first="ms" then="vip"'),
      order('first="vip" then="ms"'),
      ["order of ms and vip: ms then vip, Mandatory | vip then ms, Mandatory"],
    ],
    [
      "a location",
      cib({ constraints: '<rsc_location id="l" rsc="ms" node="pg1" score="100"/>' }),
      cib({ constraints: '<rsc_location id="l" rsc="ms" node="pg1" score="inf"/>' }),
      ["location ms on pg1: 100 | INFINITY"],
    ],
    [
      "a rule",
      cib({
        constraints:
          '<rsc_location id="l" rsc="ms"><rule id="r" role="Master" score="-INFINITY"><expression id="e" attribute="#uname" operation="eq" value="pg2"/></rule></rsc_location>',
      }),
      cib(),
      ["location ms:Promoted where #uname eq pg2: -INFINITY | null"],
    ],
    [
      "a set",
      cib({
        constraints:
          '<rsc_colocation id="s" score="INFINITY"><resource_set id="s0"><resource_ref id="vip"/><resource_ref id="backup"/></resource_set></rsc_colocation>',
      }),
      cib({
        constraints:
          '<rsc_colocation id="s" score="INFINITY"><resource_set id="s0"><resource_ref id="backup"/><resource_ref id="vip"/></resource_set></rsc_colocation>',
      }),
      ["colocation [backup vip]: null | INFINITY", "colocation [vip backup]: INFINITY | null"],
    ],
    [
      "a time-out",
      operation('<op id="1" name="monitor" interval="4" timeout="60"/>'),
      operation('<op id="1" name="monitor" interval="4" timeout="20s"/>'),
      ["timeout of operation monitor of pgsql: 60s | 20s"],
    ],
    [
      "a monitor of one role",
      operation('<op id="1" name="monitor" interval="4"/><op id="2" name="monitor" interval="3" role="Master"/>'),
      operation('<op id="1" name="monitor" interval="4"/><op id="2" name="monitor" interval="1" role="Promoted"/>'),
      ["interval of operation monitor (Promoted) of pgsql: 3s | 1s"],
    ],
    [
      "a property",
      property("no-quorum-policy", "ignore"),
      property("no-quorum-policy", "stop"),
      ["property no-quorum-policy: ignore | stop"],
    ],
    [
      "a parameter",
      cib(),
      cib({ resources: pgsql().replace('"sync"', '"async"') + vip("vip") + vip("backup") }),
      ["parameter rep_mode of pgsql: sync | async"],
    ],
    [
      "a group's order",
      cib({ resources: `<group id="g">${vip("vip")}${vip("backup")}</group>` }),
      cib({ resources: `<group id="g">${vip("backup")}${vip("vip")}</group>` }),
      ["resource g: group of vip, backup | group of backup, vip"],
    ],
    [
      "a node on standby",
      cib().replace(
        '<node id="2" uname="pg2"/>',
        `<node id="2" uname="pg2"><instance_attributes id="n">${pair("standby", "on")}${pair("pgsql-data-status", "LATEST")}</instance_attributes></node>`,
      ),
      cib(),
      ["attribute standby of node pg2: true | null"],
    ],
  ];
  for (const [name, left, right, expected] of others) test(name, () => assert.deepEqual(told(left, right), expected));
});

test("a resource that is called otherwise is recognised by its agent, and its constraints with it", () => {
  const left = colocation('rsc="vip" with-rsc="ms" score="5"');
  const right = colocation('rsc="vip" with-rsc="postgres-clone" score="6"').replaceAll(
    'id="ms"',
    'id="postgres-clone"',
  );
  assert.deepEqual(told(left, right), ["colocation vip with ms: 5 | 6"]);
});

test("nodes that are called otherwise are taken in their order, wherever they are named", () => {
  const constraints = `<rsc_location id="l" rsc="ms" node="pg2" score="5"/>
    <rsc_location id="r" rsc="ms"><rule id="x" score="7"><expression id="e" attribute="#uname" operation="eq" value="pg1"/></rule></rsc_location>`;
  const left = cib({
    constraints,
    rest: '<fencing-topology><fencing-level id="f" index="1" target="pg1" devices="d"/></fencing-topology>',
  });
  assert.deepEqual(told(left, left.replaceAll('"pg1"', '"db-a"').replaceAll('"pg2"', '"db-b"')), []);
  assert.equal(told(left, left.replaceAll('"pg1"', '"db-b"').replaceAll('"pg2"', '"db-a"')).length, 6);
});

test("what is absolute comes before what is weighed, and that before times", () => {
  const left = cib({
    constraints:
      '<rsc_colocation id="1" score="5" rsc="vip" with-rsc="ms"/><rsc_colocation id="2" score="-INFINITY" rsc="backup" with-rsc="ms"/>',
    properties: pair("cluster-delay", "60s"),
    resources: pgsql() + vip("vip") + vip("backup"),
  });
  const right = cib({
    constraints:
      '<rsc_colocation id="1" score="6" rsc="vip" with-rsc="ms"/><rsc_colocation id="2" score="-1000" rsc="backup" with-rsc="ms"/>',
    properties: pair("cluster-delay", "30s"),
    resources:
      pgsql({ monitor: '<op id="m" name="monitor" interval="9s" timeout="60"/>' }) + vip("vip") + vip("backup"),
  });
  assert.deepEqual(
    differences(left, right).map(({ where }) => where),
    [
      "colocation backup with ms",
      "colocation vip with ms",
      "interval of operation monitor of pgsql",
      "property cluster-delay",
    ],
  );
});

const text = fc.string({ unit: fc.constantFrom(..."aé<>&\"' \n\t/="), maxLength: 12 });
const element: fc.Memo<Element> = fc.memo((depth) =>
  fc.record({
    name: fc.constantFrom("a", "b-c"),
    attributes: fc.dictionary(fc.constantFrom("x", "y", "z"), text),
    children: depth <= 1 ? fc.constant([]) : fc.array(element(depth - 1), { maxLength: 3 }),
  }),
);

test("XML is read as it was written", () => {
  fc.assert(fc.property(element(3), (tree) => assert.deepEqual(parseTree(formatTree(tree)), structuredClone(tree))));
});

test("what is no CIB is refused, entities of its own included", () => {
  for (const bad of ["<cib>", "<a></b>", "text", '<!DOCTYPE x [<!ENTITY a "b">]><cib>&a;</cib>'])
    assert.throws(() => captureOfCib(bad, "x.xml"), { code: "INPUT_INVALID" });
});

const noCrm = spawnSync("crm", ["--version"]).status === 0 ? false : "there is no crm";

test("a text of crm is the CIB that crm makes of it", { skip: noCrm }, async () => {
  const crm = (
    score: string,
  ) => `node pg1\nprimitive vip ocf:heartbeat:IPaddr2 params ip=10.0.0.1 op monitor interval=10s
primitive pgsql ocf:heartbeat:pgsql params rep_mode=sync op monitor interval=4s timeout=60
ms ms pgsql meta master-max=1
colocation away ${score}: vip ms:Master
`;
  const [left, right] = await Promise.all(["-inf", "-1000"].map((score) => cibOfShellText(crm(score), "text")));
  assert.deepEqual(told(left as string, right as string), ["colocation vip with ms:Promoted: -INFINITY | -1000"]);
  await assert.rejects(cibOfShellText("nonsense here\n", "text"), { code: "CIB_INVALID" });
});
