import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adaptConfiguration } from "../../../src/lab/pacemaker/adapt.ts";
import { defaultConfiguration } from "../../../src/lab/pacemaker/default-configuration.ts";
import { descendantsOf } from "../../../src/drivers/pacemaker/xml.ts";
import { parseCib } from "../../../src/lab/pacemaker/xml.ts";
import { cib, pgsql, virtualAddress } from "./cib.ts";

const binaries = "/opt/pg/bin";
const adapt = (text: string) =>
  adaptConfiguration(text, { source: "the file", binaries, agents: (name) => !name.includes("elsewhere") });
/** What was replaced, by where; `undefined` for what was left out. */
const replaced = (text: string) => Object.fromEntries(adapt(text).replacements.map(({ where, is }) => [where, is]));

test("the lab's own configuration: three hosts, the backup address on the synchronous one", () => {
  const { shape } = adapt(defaultConfiguration(["pg1", "pg2", "pg3"]));
  assert.deepEqual(shape, {
    resource: "Postgresql",
    clone: "msPostgresql",
    synchronous: true,
    account: "postgres",
    replicationRole: "replicator",
    conninfoOptions: "",
    port: 5432,
    primaryAddress: "10.20.0.100",
    nodes: [
      { name: "pg1", id: 1, role: "primary", addresses: ["10.20.0.11/24"] },
      { name: "pg2", id: 2, role: "synchronous", addresses: ["10.20.0.12/24"] },
      { name: "pg3", id: 3, role: "asynchronous", addresses: ["10.20.0.13/24"] },
    ],
    clientAddresses: ["10.20.0.14/24"],
    virtualAddresses: [
      { resource: "PostgresqlVIP", address: "10.20.0.100", prefix: 24, place: "primary" },
      { resource: "PostgresqlBackupVIP", address: "10.20.0.101", prefix: 24, place: "elsewhere" },
    ],
  });
});

describe("of the servers", () => {
  test("paths, programs and what the lab has not got are replaced, and told", () => {
    const given = {
      pgctl: "/usr/bin/pg_ctl",
      pgdata: "/var/lib/pgsql/data",
      start_opt: "-p 5433",
      pgport: "5433",
      restore_command: "cp /archive/%f %p",
      monitor_user: "monitor",
      monitor_password: "secret",
      pgdb: "payments",
      primary_conninfo_opt: "keepalives_idle=60 sslmode=require password=secret",
    };
    const text = cib({ resources: [pgsql(given), virtualAddress("vip", "10.0.0.9")] });
    assert.deepEqual(replaced(text), {
      "db, pgctl": `${binaries}/pg_ctl`,
      "db, psql": `${binaries}/psql`,
      "db, pgdata": "/run/lab/data",
      "db, config": "/run/lab/data/postgresql.conf",
      "db, tmpdir": "/run/lab/tmp",
      "db, logfile": "/run/lab/data.log",
      "db, socketdir": "/run/lab/socket",
      "db, start_opt": undefined,
      "db, monitor_user": undefined,
      "db, monitor_password": undefined,
      "db, restore_command": undefined,
      "db, pgdb": "postgres",
      "db, primary_conninfo_opt": "keepalives_idle=60",
      "property stonith-enabled": "false",
      "property dc-deadtime": "1s",
      "property load-threshold": "0%",
    });
    const { shape, cib: made } = adapt(text);
    assert.equal(shape.port, 5433);
    assert.equal(shape.conninfoOptions, "keepalives_idle=60");
    const values = descendantsOf(parseCib(made, "it"), "nvpair").map((pair) => pair.getAttribute("value"));
    assert.ok(!values.some((value) => /secret|archive|pgsql/.test(value ?? "")));
  });

  test("a password in the configuration is not told", () => {
    const text = cib({
      resources: [
        pgsql({ monitor_password: "s3cret", primary_conninfo_opt: "password=s3cret" }),
        virtualAddress("vip", "10.0.0.9"),
      ],
    });
    assert.ok(!JSON.stringify(adapt(text).replacements).includes("s3cret"));
  });

  const roles: readonly [what: string, text: string, roles: readonly string[]][] = [
    ["in the order of node_list", cib({}), ["a primary", "b synchronous", "c asynchronous"]],
    [
      "all asynchronous where the agent says so",
      cib({ resources: [pgsql({ rep_mode: "async" }), virtualAddress("vip", "10.0.0.9")] }),
      ["a primary", "b asynchronous", "c asynchronous"],
    ],
    [
      "as a dump of a live cluster says",
      cib({ nodes: [["A"], ["B", { "db-data-status": "STREAMING|SYNC" }], ["C", { "db-data-status": "LATEST" }]] }),
      ["c primary", "b synchronous", "a asynchronous"],
    ],
    [
      "by the nodes where there is no node_list, in small letters",
      cib({
        nodes: [["Db-2.Example"], ["db-1"]],
        resources: [pgsql({ node_list: undefined }), virtualAddress("vip", "10.0.0.9")],
      }),
      ["db-2.example primary", "db-1 synchronous"],
    ],
  ];
  for (const [what, text, expected] of roles)
    test(`the roles: ${what}`, () =>
      assert.deepEqual(
        adapt(text).shape.nodes.map(({ name, role }) => `${name} ${role}`),
        expected,
      ));
});

describe("of the addresses", () => {
  const table: readonly [what: string, resources: readonly string[], constraints: string, expected: object][] = [
    [
      "a group that is with the primary",
      [pgsql(), `<group id="g">${virtualAddress("vip", "10.0.0.9")}${virtualAddress("rep", "10.0.0.8")}</group>`],
      '<rsc_colocation id="x" score="INFINITY" rsc="g" with-rsc="ms" with-rsc-role="Master"/>',
      { places: ["vip primary", "rep primary"], a: ["10.0.0.11/24"], client: ["10.0.0.14/24"] },
    ],
    [
      "a primary that is with the address, and one that avoids it",
      [pgsql(), virtualAddress("vip", "10.0.0.9"), virtualAddress("other", "10.0.0.8")],
      `<rsc_colocation id="x" score="100" rsc="ms" rsc-role="Promoted" with-rsc="vip"/>
       <rsc_colocation id="y" score="-INFINITY" rsc="other" with-rsc="ms"/>`,
      { places: ["vip primary", "other elsewhere"], a: ["10.0.0.11/24"], client: ["10.0.0.14/24"] },
    ],
    [
      "two networks, and hosts beside the virtual addresses",
      [pgsql(), virtualAddress("vip", "10.0.0.9", "29"), virtualAddress("far", "172.16.5.11", "255.255.0.0")],
      "",
      {
        places: ["vip elsewhere", "far elsewhere"],
        a: ["10.0.0.10/29", "172.16.0.11/16"],
        client: ["10.0.0.13/29", "172.16.0.14/16"],
      },
    ],
    [
      "a netmask that says nothing about the network",
      [pgsql(), virtualAddress("vip", "10.0.0.9", "32")],
      "",
      { places: ["vip elsewhere"], a: ["10.0.0.11/24"], client: ["10.0.0.14/24"] },
    ],
  ];
  for (const [what, resources, constraints, expected] of table)
    test(what, () => {
      const { virtualAddresses, nodes, clientAddresses } = adapt(cib({ resources, constraints })).shape;
      const places = virtualAddresses.map(({ resource, place }) => `${resource} ${place}`);
      assert.deepEqual({ places, a: nodes[0]?.addresses, client: clientAddresses }, expected);
    });

  test("one that is not IPv4 is left out, with what speaks of it", () => {
    const text = cib({
      resources: [pgsql(), virtualAddress("vip", "10.0.0.9"), virtualAddress("six", "fd00::9")],
      constraints: '<rsc_order id="o" first="ms" then="six"/>',
    });
    assert.ok("resource six" in replaced(text));
    assert.ok("constraint o" in replaced(text));
    assert.ok(!adapt(text).cib.includes('"six"'));
  });
});

test("what cannot run is left out, upwards to the empty clone, with the constraints that speak of it", () => {
  const text = cib({
    resources: [
      pgsql(),
      virtualAddress("vip", "10.0.0.9"),
      '<primitive id="fence" class="stonith" type="external/ipmi"/>',
      '<clone id="clones"><group id="group"><primitive id="unit" class="systemd" type="chronyd"/></group></clone>',
      '<primitive id="strange" class="ocf" provider="elsewhere" type="thing"/>',
      '<primitive id="dummy" class="ocf" provider="heartbeat" type="Dummy"/>',
    ],
    constraints: `<rsc_location id="l1" rsc="fence" node="a" score="INFINITY"/>
      <rsc_order id="o1" first="clones" then="ms"/>
      <rsc_colocation id="c1" score="1"><resource_set id="s"><resource_ref id="strange"/><resource_ref id="vip"/></resource_set></rsc_colocation>
      <rsc_colocation id="c2" score="1" rsc="dummy" with-rsc="vip"/>`,
  });
  const told = Object.keys(replaced(text)).filter((where) => /^(resource|constraint)/.test(where));
  assert.deepEqual(told, [
    "resource fence",
    "resource unit",
    "resource strange",
    "constraint l1",
    "constraint o1",
    "constraint c1",
  ]);
  const left = descendantsOf(parseCib(adapt(text).cib, "it"), "clone", "group", "primitive", "rsc_colocation");
  assert.deepEqual(
    left.map((element) => element.getAttribute("id")),
    ["ms", "db", "vip", "dummy", "c2"],
  );
});

test("options and attributes that would hold the cluster back go; scores and constraints stay as they are", () => {
  const constraint = '<rsc_colocation id="d2" score="-INFINITY" rsc="ms" rsc-role="Master" with-rsc="vip"/>';
  const { cib: made, replacements } = adapt(
    cib({
      options: { "maintenance-mode": "true", "stonith-enabled": "true", "no-quorum-policy": "ignore" },
      nodes: [["a", { standby: "on" }], ["b"], ["c", { site: "north" }], ["arbiter"]],
      constraints: `${constraint}<rsc_location id="here" rsc="vip" node="arbiter" score="5"/>`,
    }),
  );
  assert.ok(made.includes(constraint));
  for (const [where, was] of [
    ["property maintenance-mode", "true"],
    ["property stonith-enabled", "true"],
    ["node a, standby", "on"],
    ["node arbiter", "given"],
    ["constraint here", "given"],
  ])
    assert.equal(replacements.find((one) => one.where === where)?.was, was, where);
  const pairs = Object.fromEntries(
    descendantsOf(parseCib(made, "it"), "nvpair").map((pair) => [
      pair.getAttribute("name"),
      pair.getAttribute("value"),
    ]),
  );
  assert.equal(pairs["no-quorum-policy"], "ignore");
  assert.equal(pairs["stonith-enabled"], "false");
  assert.equal(pairs.site, "north");
  assert.equal(pairs.standby, undefined);
});

describe("refuses, and says why", () => {
  const vip = virtualAddress("vip", "10.0.0.9");
  const table: readonly [what: string, text: string, why: RegExp][] = [
    ["what is no XML", "<cib", /./],
    ["another document", "<html/>", /<html>/],
    ["a cluster without PostgreSQL", cib({ resources: [vip] }), /no resource of the type ocf:heartbeat:pgsql/],
    ["two databases", cib({ resources: [pgsql(), pgsql(), vip] }), /2 resources/],
    ["a database that is not promotable", cib({ resources: [pgsql().replace("true", "false"), vip] }), /promotable/],
    ["a database that is not replicated", cib({ resources: [pgsql({ rep_mode: "none" }), vip] }), /rep_mode/],
    ["an address that nobody brings up", cib({ resources: [pgsql({ master_ip: "10.9.9.9" }), vip] }), /10\.0\.0\.9/],
    ["one node", cib({ resources: [pgsql({ node_list: "a" }), vip] }), /2 to 9/],
    ["a name that is none", cib({ resources: [pgsql({ node_list: "a b;c" }), vip] }), /letters, digits/],
    ["a role that is none", cib({ resources: [pgsql({ repuser: 'x"; drop' }), vip] }), /small letters/],
    ["a network without room", cib({ resources: [pgsql(), virtualAddress("vip", "10.0.0.9", "30")] }), /netmask/],
  ];
  for (const [what, text, why] of table) test(what, () => assert.throws(() => adapt(text), { code: "USAGE", why }));
});
