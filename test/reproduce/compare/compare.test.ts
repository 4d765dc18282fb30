import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import fc from "fast-check";
import { captureText, readCapture } from "../../../src/reproduce/capture/file.ts";
import type { Capture } from "../../../src/reproduce/capture/schema.ts";
import { compareCaptures } from "../../../src/reproduce/compare/compare.ts";
import { ranks } from "../../../src/reproduce/compare/rank.ts";
import { capture, defaults, node } from "../captures.ts";

function told(left: Capture, right: Capture): string[] {
  return compareCaptures(left, right).differences.map(
    ({ where, left, right, nodes }) => `${where}${nodes === undefined ? "" : ` on ${nodes}`}: ${left} | ${right}`,
  );
}

const lab = { system: "trial" };

test("a capture differs in nothing from itself, also from its file", () => {
  const whole = capture({ fsync: "off", log_line_prefix: "%m [%p] # x: " });
  assert.deepEqual(told(whole, whole), []);
  assert.deepEqual(readCapture(captureText(whole), "x.yaml"), whole);
  assert.deepEqual(readCapture(JSON.stringify(whole), "x.json"), whole);
});

test("what is set to its default, and what must differ, is no difference", () => {
  assert.deepEqual(told(capture({ fsync: "on", port: "6000", cluster_name: "a" }), capture({ port: "7000" }, lab)), []);
});

test("what all nodes differ in is said once; of one node it is said which", () => {
  assert.deepEqual(told(capture({ max_connections: "300" }), capture({}, lab)), ["setting max_connections: 300 | 100"]);
  const odd = { ...capture().nodes, pg3: node("asynchronous", { max_connections: "50" }) };
  assert.deepEqual(told(capture({}, { nodes: odd }), capture({}, lab)), ["setting max_connections on pg3: 50 | 100"]);
});

test("nodes of other names are compared by their roles, and named in settings as their counterparts", () => {
  const names = "FIRST 1 (pg2)";
  const left = capture({ synchronous_standby_names: names });
  const settings = { synchronous_standby_names: 'FIRST 1 ("db-b")' };
  const standby = (role: "synchronous" | "asynchronous") => node(role, settings, { postgres: { streamsFrom: "db-c" } });
  const right = capture(
    {},
    {
      ...lab,
      nodes: { "db-a": standby("asynchronous"), "db-b": standby("synchronous"), "db-c": node("primary", settings) },
    },
  );
  const { differences, pairing } = compareCaptures(left, right);
  assert.deepEqual(differences, []);
  assert.deepEqual(
    pairing.pairs.map((pair) => `${pair.left}=${pair.right}`),
    ["pg1=db-c", "pg2=db-b", "pg3=db-a"],
  );
});

test("one cluster at two times is compared by the names of its nodes, whoever is the primary", () => {
  const { pg1, pg2, pg3 } = capture().nodes as any;
  const after = capture({}, { nodes: { pg1: { ...pg1, role: "synchronous" }, pg2: { ...pg2, role: "primary" }, pg3 } });
  assert.equal(compareCaptures(capture(), after).pairing.how, "name");
  assert.equal(compareCaptures(capture(), { ...after, ...lab }).pairing.how, "role");
});

test("the order of the ranks: durability, failover, version, topology, access, machine, size, what is shown", () => {
  const machine = (kernel: string, memory: string) => ({ facts: { kernel, memory }, mounts: {} });
  const access = (method: string) => [{ type: "host", databases: ["all"], users: ["named"], address: "all", method }];
  const settings = {
    fsync: "off",
    wal_sender_timeout: "5s",
    shared_buffers: "8GB",
    log_min_messages: "error",
    jit: "off",
  };
  const nodes = {
    pg1: node("primary", settings, {
      machine: machine("Linux 5", "1 kB"),
      postgres: { version: "15.8", versionNumber: 150008, access: access("md5") },
    }),
  };
  const others = {
    pg1: node(
      "primary",
      {},
      {
        machine: machine("Linux 6", "2 kB"),
        postgres: { version: "15.9", versionNumber: 150008, access: access("trust") },
      },
    ),
    pg2: node("asynchronous"),
  };
  const found = compareCaptures(capture({}, { nodes }), capture({}, { ...lab, nodes: others })).differences;
  assert.deepEqual(
    found.map(({ where }) => where),
    [
      "setting fsync",
      "setting wal_sender_timeout",
      "version of PostgreSQL",
      "nodes",
      "streams",
      "access rule",
      "access rule",
      "kernel",
      "setting jit",
      "memory",
      "setting shared_buffers",
      "setting log_min_messages",
    ],
  );
  assert.deepEqual(
    found.map(({ rank }) => rank),
    found.map(({ rank }) => rank).toSorted((a, b) => a - b),
  );
});

describe("versions", () => {
  const at = (version: string, versionNumber: number) => {
    const nodes = { pg1: { role: "primary" as const, postgres: { version, versionNumber, settings: {} } } };
    return capture(
      {},
      { nodes, defaults: { ...defaults, "180004": { ...defaults["150008"], jit: "off", io_method: "worker" } } },
    );
  };
  test("a major one matters more than a minor one", () => {
    const [major, minor] = [
      compareCaptures(at("15.8", 150008), at("18.4", 180004)).differences[0],
      compareCaptures(at("15.8", 150008), at("15.9", 150008)).differences[0],
    ];
    assert.deepEqual([major?.rank, minor?.rank], [ranks.major.rank, ranks.version.rank]);
  });
  test("a default that changed is named; what only one of them knows, and nobody set, is not", () => {
    const found = compareCaptures(at("15.8", 150008), at("18.4", 180004)).differences.slice(1);
    assert.deepEqual(
      found.map(({ where }) => where),
      ["setting jit"],
    );
    assert.match(found[0]?.why ?? "", /Nobody set it/);
  });
});

test("access rules: what only one has, and the order where they are the same", () => {
  const rules = (...methods: string[]) => {
    const access = methods.map((method) => ({
      type: "host",
      databases: ["all"],
      users: ["all"],
      address: "all",
      method,
    }));
    return capture({}, { nodes: { pg1: { role: "primary", postgres: { access } } } });
  };
  assert.deepEqual(told(rules("md5", "reject"), rules("md5")), ["access rule: host all all all reject | null"]);
  assert.match(told(rules("md5", "reject"), rules("reject", "md5"))[0] ?? "", /^order of the access rules/);
});

test("what was not captured is no difference, but said", () => {
  const blind = capture({}, { ...lab, nodes: { ...capture().nodes, pg1: { role: "primary" } } });
  const { differences, notCompared } = compareCaptures(capture({ fsync: "off" }), blind);
  assert.deepEqual(
    differences.map(({ where, nodes }) => `${where} ${nodes}`),
    ["setting fsync pg2,pg3"],
  );
  assert.ok(notCompared.some((line) => line.startsWith("Topology:")));
  assert.ok(notCompared.includes("Settings of pg1: not captured, or not whole, on one side."), notCompared.join("\n"));
});

test("Patroni's and Corosync's configuration, leaf by leaf", () => {
  const patroni = (ttl: number, host: string) => ({
    ttl,
    synchronous_mode: true,
    etcd3: { host },
    postgresql: { parameters: { work_mem: host } },
  });
  const one = capture(
    {},
    { patroni: patroni(30, "a"), pacemaker: { corosync: { totem: { token: "1000", cluster_name: "a" } } } },
  );
  const other = capture(
    {},
    { patroni: patroni(20, "b"), pacemaker: { corosync: { totem: { token: "3000", cluster_name: "b" } } } },
  );
  assert.deepEqual(told(one, other), ["Patroni's ttl: 30 | 20", "corosync.conf totem.token: 1000 | 3000"]);
});

test("the two sides may be exchanged", () => {
  const settings = fc.dictionary(
    fc.constantFrom("fsync", "max_connections", "jit", "work_mem", "x.y"),
    fc.constantFrom("on", "off", "1", "2"),
  );
  fc.assert(
    fc.property(settings, settings, (one, other) => {
      const turned = (texts: string[]) => texts.map((line) => line.replace(/^(.*): (.*) \| (.*)$/, "$1: $3 | $2"));
      assert.deepEqual(told(capture(one), capture(other, lab)), turned(told(capture(other, lab), capture(one))));
    }),
  );
});

test("every rank stands on the page with its reason", async () => {
  const page = (await readFile(new URL("../../../docs/compare.md", import.meta.url), "utf8")).replace(/\s+/g, " ");
  for (const { rank, why } of Object.values(ranks))
    assert.ok(page.includes(`| ${why} |`) && page.includes(`| ${rank} |`), why);
});

test("a file that is no capture, or of another format, is refused with the reason", () => {
  for (const [text, why] of [
    ["nodes: [", /./],
    ["format: 2\nnodes: {}\n", /format is 2/],
    ["format: 1\nblackstart: capture\n", /capturedAt/],
    ["", /./],
  ] as const)
    assert.throws(
      () => readCapture(text, "x.yaml"),
      (error: any) => error.code === "INPUT_INVALID" && why.test(error.why),
    );
});
