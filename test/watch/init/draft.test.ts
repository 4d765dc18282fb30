import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { discoverClusters } from "../../../src/drivers/postgres/discover.ts";
import { parseSystem } from "../../../src/system/load.ts";
import { writeSystem } from "../../../src/system/write.ts";
import { draftSystem } from "../../../src/watch/init/draft.ts";
import { type Answers, asks, primary, standby, streams } from "../../drivers/postgres/recorded-facts.ts";

/** The written file, what it says once it was read, and the notes beside it. */
async function init(urls: readonly string[], answers: Answers, isHere = () => false) {
  const { draft, variables, notes } = draftSystem(await discoverClusters(urls, asks(answers)), {
    now: "2026-11-20T03:07:12.345Z",
    isHere,
  });
  const text = writeSystem(draft);
  const environment = Object.fromEntries(variables.map((name) => [name, `value of ${name}`]));
  return { text, notes, variables, system: parseSystem(text, { path: "blackstart.yaml", environment }) };
}

const two: Answers = {
  "10.0.0.1:5432": primary({ standbys: [streams("pg2", "10.0.0.2")], synchronous: "ANY 1 (pg2)" }),
  "10.0.0.2:5432": standby({ name: "pg2", from: "10.0.0.1:5432" }),
};

test("the file says what was found, and passes its own check", async () => {
  const { text, notes, system } = await init(["postgres://u@10.0.0.1/ledger?sslmode=require"], two);
  assert.equal(system.system, "ledger");
  assert.deepEqual(system.clusters.ledger, {
    manager: "none",
    synchronous: 1,
    nodes: {
      pg1: {
        url: "postgres://u@10.0.0.1/ledger?sslmode=require",
        data: "/var/lib/postgresql/15/main",
        expendable: false,
      },
      pg2: {
        url: "postgres://u@10.0.0.2:5432/ledger?sslmode=require",
        data: "/var/lib/postgresql/15/main",
        expendable: false,
      },
    },
  });
  for (const said of [
    "Written by `blackstart init` on 2026-11-20 from what postgres://u@10.0.0.1/ledger?sslmode=require",
    "PostgreSQL 15.18, system identifier 7710296356863913925.",
    "synchronous_standby_names = ANY 1 (pg2): any 1 of pg2",
    "archive_mode = off: there is no restore to a point in time.",
    '# host: "ssh://root@10.0.0.2"',
  ])
    assert.ok(text.includes(said), said);
  assert.deepEqual(notes, [
    "ledger: fill in `host` for pg1, pg2; without it Blackstart can watch, but neither restart, fence nor bring back.",
  ]);
});

test("every comment that shows a key can be made a key by taking the # away", async () => {
  const { text } = await init(["postgres://u@10.0.0.1/ledger"], two);
  const uncommented = text
    .replace('# clients: { file: "/run/app/primary" }   # one line, host:port', 'clients: { file: "/run/app/primary" }')
    .replace("# fence:", "fence:")
    .replace("# objectives:", "objectives:")
    .replaceAll("# host:", "host:")
    .replace("# services:\n#   api:", "services:\n  api:")
    .replace("NAME-OF-A-CLUSTER", "ledger");
  const system = parseSystem(uncommented, { path: "blackstart.yaml", environment: {} });
  assert.equal(system.clusters.ledger?.fence, "/usr/local/bin/power-off $BLACKSTART_NODE");
  assert.equal(system.clusters.ledger?.nodes.pg2?.host, "ssh://root@10.0.0.2");
  assert.deepEqual(system.services.api?.needs, ["ledger"]);
});

describe("no password gets into the file", () => {
  for (const url of [
    "postgres://u:hunter2@10.0.0.1/ledger",
    "postgres://10.0.0.1/ledger?user=u&password=hunter2",
    "postgres://:hunter2@10.0.0.1/ledger",
    "postgres://u:hunter2%40%2F@10.0.0.1/ledger",
  ])
    test(url, async () => {
      const { text, notes, variables, system } = await init([url], two);
      assert.ok(!JSON.stringify([text, notes]).includes("hunter2"));
      assert.deepEqual(variables, ["PGPASSWORD"]);
      assert.ok(text.includes('url: "postgres://u:${PGPASSWORD}@10.0.0.1/ledger"'), text);
      assert.match(notes[0] ?? "", /set PGPASSWORD in the environment/);
      const { password } = new URL(system.clusters.ledger?.nodes.pg1?.url ?? "");
      assert.equal(decodeURIComponent(password), "value of PGPASSWORD");
    });

  test("two passwords, two variables", async () => {
    const { variables } = await init(["postgres://u:one@10.0.0.1/d", "postgres://u:two@10.0.0.2/d"], two);
    assert.deepEqual(variables, ["PGPASSWORD_PG1", "PGPASSWORD_PG2"]);
  });
});

test("synchronous is what commits really wait for, as far as it can be", async () => {
  for (const [some, value, said] of [
    [{ synchronous: "" }, 0, /synchronous_standby_names is empty/],
    [{ synchronous: "FIRST 1 (pg2)", synchronousCommit: "local" }, 0, /commits wait for no standby/],
    [{ synchronous: "FIRST 1 (pg2)", synchronousCommit: "off" }, 0, /commits wait for no standby/],
    [{ synchronous: "FIRST 1 (pg2)", synchronousCommit: "remote_apply" }, 1, /the first 1 of pg2/],
    [{ synchronous: "*" }, 1, /the first 1 of all standbys/],
    [{ synchronous: "FIRST 2 (pg2, gone)" }, 1, /\(not seen: gone\)/],
    [{ synchronous: "gone" }, 1, /Commits wait for 1 of these standbys, but none streams at present: commits hang/],
    [{ synchronous: "FIRST 1 (" }, 0, /could not be understood/],
  ] as const) {
    const { system, text } = await init(["postgres://10.0.0.1/d"], {
      ...two,
      "10.0.0.1:5432": primary({ standbys: [streams("pg2", "10.0.0.2")], ...some }),
    });
    assert.equal(system.clusters.d?.synchronous, value, JSON.stringify(some));
    assert.match(text, said);
  }
});

test("archiving is told without its command, which may hold a secret", async () => {
  for (const [visible, said, stanza] of [
    [
      { archive_mode: "on", archive_command: "pgbackrest --stanza=led-ger archive-push %p" },
      /by pgBackRest/,
      "led-ger",
    ],
    [
      { archive_mode: "on", archive_command: "AWS_KEY=hunter2 wal-g wal-push %p" },
      /archive_mode = on, by wal-g/,
      undefined,
    ],
    [{ archive_mode: "always", archive_command: "/opt/own hunter2 %p" }, /always, by a command of its own/, undefined],
    [{ archive_mode: "on", archive_library: "basic_archive" }, /by the library basic_archive/, undefined],
    [{ archive_mode: "on" }, /no archive_command can be seen/, undefined],
  ] as const) {
    const { text, system } = await init(["postgres://10.0.0.1/d"], { "10.0.0.1:5432": primary({ visible }) });
    assert.match(text, said);
    assert.equal(system.clusters.d?.backups?.pgbackrest, stanza);
    assert.ok(!text.includes("hunter2"));
  }
});

test("names: the one it streams under, a name of its own, its host's, a number; Debian's cluster_name is none", async () => {
  const visible = { cluster_name: "15/main" };
  const { system } = await init(["postgres://db1.example.org/postgres"], {
    "db1.example.org:5432": primary({
      visible,
      standbys: [streams("15/main", "10.0.0.2"), streams("west", "10.0.0.3")],
    }),
    "10.0.0.2:5432": standby({ visible, from: "db1.example.org:5432" }),
    "10.0.0.3:5432": standby({ visible, name: "west", from: "db1.example.org:5432" }),
  });
  assert.deepEqual(Object.keys(system.clusters.main?.nodes ?? {}), ["db1", "pg1", "west"]);
});

test("a cluster that Patroni manages says so, and has its scope's name", async () => {
  const visible = { cluster_name: "batman" };
  const { system } = await init(["postgres://10.0.0.1/postgres"], {
    "10.0.0.1:5432": primary({ visible, patroni: true, standbys: [streams("p2", "10.0.0.2")] }),
    "10.0.0.2:5432": standby({ visible, name: "p2", from: "10.0.0.1:5432" }),
  });
  assert.equal(system.clusters.batman?.manager, "patroni");
  assert.deepEqual(Object.keys(system.clusters.batman?.nodes ?? {}), ["pg1", "p2"]);
});

test("two primaries, no primary, other versions and lost ways back are told", async () => {
  const both = await init(["postgres://10.0.0.1/d", "postgres://10.0.0.2/d"], {
    "10.0.0.1:5432": primary({ visible: { data_checksums: "off" } }),
    "10.0.0.2:5432": primary({ visible: { server_version: "15.9" } }),
  });
  assert.match(both.text, /2 of its servers are primaries at the same time/);
  assert.match(both.text, /Its servers run different versions/);
  assert.match(both.text, /pg_rewind cannot bring it back/);
  const none = await init(["postgres://10.0.0.2/d"], { "10.0.0.2:5432": standby({ name: "pg2" }) });
  assert.match(none.text, /No primary was found/);
});

test("nothing that a server answers can break the file", async () => {
  const odd = 'x"\n  y: {&a *b} ${HOME} #\u2028 \u0000 %';
  const { system, text } = await init(["postgres://10.0.0.1/d"], {
    "10.0.0.1:5432": {
      ...primary({
        visible: { server_version: odd, cluster_name: odd },
        slots: [{ name: odd, kind: "physical", active: false, applicationName: null }],
      }),
      systemIdentifier: odd,
      settings: { ...primary({}).settings, dataDirectory: odd.replaceAll("\u0000", ""), synchronousStandbyNames: odd },
    },
  });
  assert.equal(system.clusters.d?.nodes.pg1?.data, odd.replaceAll("\u0000", ""));
  assert.ok(!/^ {2}y:/m.test(text), text);
});
