import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BlackstartError } from "../../src/base/error.ts";
import { loadSystem, parseSystem } from "../../src/system/load.ts";
import { withFolder } from "../support/folder.ts";
import { parse, problems, refused, small } from "./support.ts";

describe("a right file", () => {
  test("gives the system with its defaults", () => {
    const system = parse(small);
    assert.equal(system.system, "payments");
    assert.deepEqual(system.clusters.ledger?.nodes.pg1, {
      url: "postgres://u@10.0.0.1/ledger",
      host: "local:",
      expendable: false,
    });
    assert.equal(system.clusters.ledger?.manager, "none");
    assert.deepEqual(system.mitigation, { failover: "propose", rejoin: "propose", restart: "propose" });
    assert.partialDeepStrictEqual(system.watch, { heartbeat: 1000, checks: 60_000, settle: 600_000 });
  });

  test("may give a node as its url alone", () => {
    const system = parse("system: s\nclusters: { l: { nodes: { a: 'postgres://h/d' } } }\n");
    assert.deepEqual(system.clusters.l?.nodes.a, { url: "postgres://h/d", expendable: false });
  });

  test("may leave a section empty, and use anchors, aliases and merge keys", () => {
    const system = parse(`system: s
caches:
clusters:
  l:
    nodes:
      a: &node { url: "postgres://a/d", host: local, zone: x }
      b: { <<: *node, url: "postgres://b/d" }
      c: { <<: [{ zone: z }, *node], url: "postgres://c/d" }
`);
    assert.deepEqual(system.caches, {});
    assert.deepEqual(system.clusters.l?.nodes.b, {
      url: "postgres://b/d",
      host: "local:",
      zone: "x",
      expendable: false,
    });
    assert.equal(system.clusters.l?.nodes.c?.zone, "z");
  });

  test("durations are milliseconds", () => {
    const system = parse(`${small}    objectives: { rpo: 5m, rto: 1.5h }\nwatch: { heartbeat: 250ms }\n`);
    assert.deepEqual(system.clusters.ledger?.objectives, { rpo: 300_000, rto: 5_400_000 });
    assert.equal(system.watch.heartbeat, 250);
  });
});

test("all problems are told at once, in the order of the file", () => {
  const error = refused(`system: payments
clusters:
  ledger:
    manager: patronii
    synchronous: 3
    nodse: 1
    nodes:
      pg1: "postgres://u:\${PW}@10.0.0.1/ledger"
      pg2: { url: "postgres://u@10.0.0.1/x", hots: local, start: x }
      pg3: { host: foo }
    clients: {}
services:
  api: { needs: [ledgr, api2, api] }
  api2: { needs: [api] }
watch: { heartbeat: 500, settle: 0s }
invariants:
  a b: { cluster: lodger, violations: "", repair: 3 }
zone: 1
`);
  assert.equal(error.code, "SYSTEM_FILE_INVALID");
  assert.equal(error.exitCode, 2);
  assert.equal(
    error.message,
    `/etc/blackstart.yaml has 18 problems:
  /etc/blackstart.yaml:4:14 clusters.ledger.manager: must be one of none, patroni, pacemaker. Did you mean “patroni”?
  /etc/blackstart.yaml:5:18 clusters.ledger.synchronous: 3 synchronous standbys cannot be: of 3 nodes, 2 can be standbys
  /etc/blackstart.yaml:6:5 clusters.ledger.nodse: unknown key. Did you mean “nodes”?
  /etc/blackstart.yaml:8:26 clusters.ledger.nodes.pg1: \${PW}: the environment variable PW is not set
  /etc/blackstart.yaml:9:19 clusters.ledger.nodes.pg2.url: is the same server as ledger/pg1 (10.0.0.1:5432)
  /etc/blackstart.yaml:9:46 clusters.ledger.nodes.pg2.hots: unknown key. Did you mean “host”?
  /etc/blackstart.yaml:9:66 clusters.ledger.nodes.pg2.start: a command needs a \`host\` to run on; for this machine: host: local
  /etc/blackstart.yaml:10:7 clusters.ledger.nodes.pg3.url: is missing
  /etc/blackstart.yaml:10:20 clusters.ledger.nodes.pg3.host: a host is \`local\` or \`ssh://user@address[:port]\`
  /etc/blackstart.yaml:11:5 clusters.ledger.clients: says nothing; name how the clients find the primary (file, vip, …), or leave \`clients\` out
  /etc/blackstart.yaml:13:18 services.api.needs[0]: no cluster, cache or service “ledgr”. Did you mean “ledger”?
  /etc/blackstart.yaml:13:25 services.api.needs[1]: a circle: api → api2 → api
  /etc/blackstart.yaml:13:31 services.api.needs[2]: needs itself
  /etc/blackstart.yaml:15:21 watch.heartbeat: a duration is written 500ms, 30s, 5m, 2h or 7d
  /etc/blackstart.yaml:15:34 watch.settle: must be longer than nothing
  /etc/blackstart.yaml:17:3 invariants.a b: a name has letters, digits, - _ . only, at most 63, a letter or digit first
  /etc/blackstart.yaml:17:19 invariants.a b.cluster: no cluster “lodger”. Did you mean “ledger”?
  /etc/blackstart.yaml:18:1 zone: unknown key; known here: system, clusters, caches, services, features, invariants, mitigation, watch`,
  );
});

describe("each of these is refused", () => {
  const table: readonly [name: string, text: string, expected: readonly string[]][] = [
    ["an empty file", "", ["1:1 : is empty; it must at least name the `system`"]],
    ["comments only", "# nothing\n", ["1:1 : is empty; it must at least name the `system`"]],
    ["a list", "- a\n- b\n", ["1:1 : must be a mapping: `system: …`, `clusters: …`"]],
    ["one word", "payments", ["1:1 : must be a mapping: `system: …`, `clusters: …`"]],
    ["no name", "clusters: {}", ["1:1 system: is missing"]],
    ["a name without a value", "system:\n", ["1:8 system: has no value"]],
    ["a number for a name", "system: 42\n", ['1:9 system: must be a text, not a number (write it in quotes: "42")']],
    ["a list for a mapping", "system: s\nclusters: [a]\n", ["2:11 clusters: must be a mapping (name: …), not a list"]],
    ["binary", "system: s\u0000\u0001", ["1:10 : is no text: a control character"]],
    ["bytes that are no UTF-8", "# ä\nsystem: \uFFFD", ["2:9 : is not UTF-8 from here on; save the file as UTF-8"]],
    ["a key twice", "system: a\nsystem: b\n", ["2:1 : this key stands here for the second time"]],
    ["a tab", "system: a\nclusters:\n\tl: 1\n", ["3:1 : indented with a tab; YAML takes blanks only"]],
    [
      "two documents",
      "system: a\n---\nsystem: b\n",
      ["2:1 : a second document begins here; the file may hold only one"],
    ],
    ["an alias to nowhere", "system: *a\n", ["1:9 system: *a repeats something that is not there"]],
    [
      "an alias to its own surroundings",
      "system: s\nclusters: &a { l: *a }\n",
      ["2:19 clusters.l: *a stands inside of what it repeats"],
    ],
    ["a mapping as a key", "system: s\n? { a: b }\n: c\n", ["2:3 : a key must be a plain name"]],
    ["__proto__", "system: s\n__proto__: { a: b }\n", ["2:1 : a key must be a plain name"]],
    [
      "an unquoted colon",
      "system: s\nclusters: { l: { nodes: { a: { host: local: } } } }\n",
      ["2:38 : a mapping cannot begin here; a text that ends in `:` or has `: ` in it must stand in quotes"],
    ],
    [
      "a cluster without nodes",
      "system: s\nclusters: { l: { nodes: {} } }\n",
      ["2:18 clusters.l.nodes: a cluster has at least one node"],
    ],
    [
      "a cluster without `nodes`",
      "system: s\nclusters:\n  l: { manager: none }\n",
      ["3:3 clusters.l.nodes: is missing"],
    ],
    ["nodes without a value", "system: s\nclusters:\n  l:\n    nodes:\n", ["4:11 clusters.l.nodes: has no value"]],
    [
      "one node, synchronous",
      "system: s\nclusters: { l: { synchronous: 1, nodes: { a: 'postgres://h' } } }\n",
      ["2:31 clusters.l.synchronous: 1 synchronous standbys cannot be: of 1 node, 0 can be standbys"],
    ],
    [
      "cascades that lead nowhere",
      "system: s\nclusters: { l: { nodes: { a: { url: 'postgres://h', follows: b }, b: { url: 'postgres://i', follows: a }, c: { url: 'postgres://j', follows: d } } } }\n",
      [
        "2:62 clusters.l.nodes.a.follows: a and b follow each other",
        "2:102 clusters.l.nodes.b.follows: b and a follow each other",
        "2:142 clusters.l.nodes.c.follows: no node “d” [a]",
      ],
    ],
    [
      "nobody left to wait for",
      "system: s\nclusters: { l: { synchronous: 1, nodes: { a: 'postgres://h', b: { url: 'postgres://i', synchronous: never } } } }\n",
      [
        "2:31 clusters.l.synchronous: 1 synchronous standbys cannot be: with b as `synchronous: never`, 0 are left beside the primary",
      ],
    ],
    [
      "a negative number",
      `${small.replace("synchronous: 1", "synchronous: -1")}`,
      ["4:18 clusters.ledger.synchronous: must be at least 0"],
    ],
    [
      "half a standby",
      `${small.replace("synchronous: 1", "synchronous: 0.5")}`,
      ["4:18 clusters.ledger.synchronous: must be a whole number, not a number"],
    ],
    [
      "a url of something else",
      "system: s\nclusters: { l: { nodes: { a: 'mysql://h' } } }\n",
      ["2:30 clusters.l.nodes.a.url: a node's url begins with postgres://"],
    ],
    [
      "a url that cannot be read",
      "system: s\nclusters: { l: { nodes: { a: 'postgres://u:p/w@h/d' } } }\n",
      [
        "2:30 clusters.l.nodes.a.url: cannot be read as a url; in a password, @ : / ? # % must be percent-encoded, or come from ${…}",
      ],
    ],
    [
      "several servers in one url",
      "system: s\nclusters: { l: { nodes: { a: 'postgres://u@a:1,b:2/d', b: 'postgres:///d?host=x,y' } } }\n",
      [
        "2:30 clusters.l.nodes.a.url: names several servers; a node is one of them, each with a name of its own",
        "2:59 clusters.l.nodes.b.url: names several servers; a node is one of them, each with a name of its own",
      ],
    ],
    [
      "other urls that cannot be read",
      `${small}caches: { c: { redis: "redis://:p/w@h" } }
services: { a: { probe: "tcp://h" }, b: { probe: "http://[x", counts: { url: "http://", requests: r, failed: f } } }
`,
      [
        "8:23 caches.c.redis: cannot be read as a url; in a password, @ : / ? # % must be percent-encoded, or come from ${…}",
        "9:25 services.a.probe: needs a port: tcp://address:port",
        "9:50 services.b.probe: cannot be read as a url; in a password, @ : / ? # % must be percent-encoded, or come from ${…}",
        "9:78 services.b.counts.url: cannot be read as a url; in a password, @ : / ? # % must be percent-encoded, or come from ${…}",
      ],
    ],
    [
      "a threshold of another name, and one that is none",
      `${small}watch: { thresholds: { replication.lagByte: 1, locks.waitSeconds: long } }\n`,
      [
        "8:24 watch.thresholds.replication.lagByte: unknown key [replication.lagBytes]",
        "8:67 watch.thresholds.locks.waitSeconds: must be a number, not a text",
      ],
    ],
    [
      "a critical threshold below the warning's",
      `${small}watch: { thresholds: { connections.usedPercentCritical: 50 } }\n`,
      ["8:57 watch.thresholds.connections.usedPercentCritical: lies below the warning's threshold, 85"],
    ],
    [
      "the same server twice, written otherwise",
      "system: s\nclusters: { l: { nodes: { a: 'postgres://H/d', b: 'postgresql://u@h:5432/other' } } }\n",
      ["2:51 clusters.l.nodes.b.url: is the same server as l/a (h:5432)"],
    ],
    [
      "a name for two things",
      `${small}caches: { ledger: { redis: "redis://h" } }\n`,
      ["8:11 caches.ledger: the name stands in `clusters` already; `needs` could mean either"],
    ],
    [
      "keys without a brace",
      `${small}caches: { c: { redis: "redis://h", entries: [{ keys: "balance:", cluster: ledger, query: "select $1" }] } }\n`,
      ["8:54 caches.c.entries[0].keys: `keys` needs one {column} of the query in braces"],
    ],
    [
      "keys with two braces",
      `${small}caches: { c: { redis: "redis://h", entries: [{ keys: "b:{a}:{b}", cluster: ledger, query: "select $1" }] } }\n`,
      [
        "8:54 caches.c.entries[0].keys: has more than one {column}: $1 is a list of single values; let the query give them joined as they stand in the key",
      ],
    ],
    [
      "a cache query without $1",
      `${small}caches: { c: { redis: "redis://h", entries: [{ keys: "b:{a}", cluster: lodger, query: "select 1" }] } }\n`,
      [
        "8:72 caches.c.entries[0].cluster: no cluster “lodger” [ledger]",
        "8:87 caches.c.entries[0].query: does not use $1: it would give the whole table for every look; ask for = any($1)",
      ],
    ],
    [
      "a restart without a host",
      `${small}services: { api: { restart: "x" } }\n`,
      ["8:29 services.api.restart: a command needs a `host` to run on; for this machine: host: local"],
    ],
    [
      "a feature of nothing",
      `${small}services: { api: {} }\nfeatures: { f: { of: apj } }\n`,
      ["9:22 features.f.of: no service “apj” [api]"],
    ],
    [
      "a feature where there is no service",
      `${small}features: { f: { of: api } }\n`,
      ["8:22 features.f.of: no service “api”; there is none at all"],
    ],
    [
      "a repair that is no text",
      `${small}invariants: { i: { cluster: ledger, violations: select 1, repair: 3 } }\n`,
      ["8:67 invariants.i.repair: must be SQL: a text, or a list of texts"],
    ],
    [
      "a longer circle",
      `${small}services: { a: { needs: [b] }, b: { needs: [c, ledger] }, c: { needs: [a] } }\n`,
      ["8:26 services.a.needs[0]: a circle: a → b → c → a"],
    ],
    [
      "auto that can never be",
      "system: s\nclusters: { l: { nodes: { a: 'postgres://h' } } }\nmitigation: { failover: auto }\n",
      ["3:25 mitigation.failover: auto can never come about: l has no second node"],
    ],
    [
      "auto without anything to fence with",
      "system: s\nclusters: { l: { nodes: { a: 'postgres://h', b: 'postgres://i' } } }\nmitigation: { failover: auto }\n",
      [
        "3:25 mitigation.failover: auto can never come about: no node of l has a `host`, and there is no `fence` command: the old primary cannot be shown to be dead",
      ],
    ],
  ];
  for (const [name, text, expected] of table) test(name, () => assert.deepEqual(problems(text), expected));

  test("a repair that names columns is not judged: only the database knows them", () => {
    parse(
      `${small}invariants: { i: { cluster: ledger, violations: select 1 as a, repair: delete from t where b = $b } }\n`,
    );
  });

  test("a file of 10 MB, at once", () => {
    const text = `${small}# ${"x".repeat(10_000_000)}\n`;
    assert.deepEqual(problems(text), ["1:1 : is larger than 1 MiB; this cannot be a description of a system"]);
  });

  test("aliases that would grow without end", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}, *a${i}]`);
    const [problem] = problems(`a0: &a0 [x]\n${lines.join("\n")}\n`);
    assert.match(problem ?? "", /holds more than 50000 values/);
  });

  test("a thousand problems: the first fifty are told, and how many there are", () => {
    const error = refused(`system: s\n${Array.from({ length: 1000 }, (_, i) => `zzz${i}: 1`).join("\n")}\n`);
    assert.equal(error.details.count, 1000);
    assert.match(error.message, /… and 950 more$/);
  });
});

test("whatever stands in the file, it is taken or refused with a place, never anything else", () => {
  const word = fc.constantFrom(
    "system",
    "clusters",
    "nodes",
    "url",
    "needs",
    ":",
    "-",
    "{",
    "}",
    "[",
    "]",
    "&a",
    "*a",
    "<<",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "${A}",
    "'",
    '"',
    "|",
    "\t",
    "null",
    "1",
    "postgres://h",
    "#",
    "?",
    "!!x",
    ",",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      try {
        parse(words.join(""));
      } catch (error) {
        assert.ok(error instanceof BlackstartError, String((error as Error).stack));
        assert.match(error.message, /blackstart\.yaml:\d+:\d+/);
      }
    }),
    { numRuns: 3000 },
  );
});

describe("the file is found", () => {
  test("in the folder above, in a given folder, or by its path", () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, "blackstart.yaml"), small);
      await mkdir(join(folder, "a", "b"), { recursive: true });
      const { findSystemFile } = await import("../../src/system/find.ts");
      assert.equal(await findSystemFile(undefined, join(folder, "a", "b")), join(folder, "blackstart.yaml"));
      assert.equal((await loadSystem(folder)).system, "payments");
      assert.equal((await loadSystem(join(folder, "blackstart.yaml"))).system, "payments");
    }));

  test("or it is said how to make one", () =>
    withFolder(async (folder) => {
      for (const path of [folder, join(folder, "nothing.yaml")])
        await assert.rejects(loadSystem(path), (error) => {
          assert.ok(error instanceof BlackstartError);
          assert.equal(error.code, "SYSTEM_FILE_MISSING");
          assert.match(error.next, /blackstart init postgres:\/\//);
          return true;
        });
    }));

  test("with a byte order mark and Windows line ends", () =>
    withFolder(async (folder) => {
      const file = join(folder, "system.yaml");
      await writeFile(file, `\uFEFF${small.replaceAll("\n", "\r\n")}`);
      assert.equal((await loadSystem(file)).system, "payments");
    }));

  test("binary and huge files are refused", () =>
    withFolder(async (folder) => {
      const file = join(folder, "system.yaml");
      await writeFile(file, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe, 0, 1]));
      await assert.rejects(loadSystem(file), { code: "SYSTEM_FILE_INVALID" });
      await writeFile(file, Buffer.alloc(10_000_000, "#"));
      await assert.rejects(loadSystem(file), { code: "SYSTEM_FILE_INVALID" });
    }));
});

test("the path of the file is the one that is shown", () => {
  assert.throws(() => parseSystem("", { path: "x/y.yaml", environment: {} }), /x\/y\.yaml:1:1/);
});
