import assert from "node:assert/strict";
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { checkReady, type Readiness } from "../../../src/mitigate/readiness/check-ready.ts";
import { rehearse } from "../../../src/mitigate/readiness/rehearse.ts";
import * as fixtures from "../fixtures.ts";
import { on, streaming, until } from "../servers.ts";
import { type World, withSystemFile, withWorld } from "../world.ts";

const well = fixtures.facts(
  fixtures.alive("pg1", "primary"),
  fixtures.alive("pg2", "standby"),
  fixtures.alive("pg3", "standby"),
);

describe("rehearsing on the facts of a quiet day", () => {
  test("a healthy cluster: every plan would be carried out", () => {
    const { tried, findings } = rehearse(fixtures.system(), well);
    assert.deepEqual(findings, []);
    assert.deepEqual(
      tried.map(({ kind, node, verdict }) => `${kind} ${node ?? "any"} ${verdict}`),
      [
        "failover any ready",
        "failover pg2 ready",
        "failover pg3 ready",
        "switchover any ready",
        "switchover pg2 ready",
        "switchover pg3 ready",
        "rejoin pg2 ready",
        "rejoin pg3 ready",
      ],
    );
  });

  test("a primary that cannot be seen dead: the failover would be refused, and it is said what to declare", () => {
    const { instance: _, ...blind } = fixtures.alive("pg1", "primary");
    const nodes = [{ ...blind, hostProblem: "no `host:` is declared for it" }, ...well.nodes.slice(1)];
    const { findings } = rehearse(fixtures.system(), { ...well, nodes });
    const failover = findings.find(({ code }) => code === "ready.failover");
    assert.equal(failover?.severity, "critical");
    assert.match(failover?.title ?? "", /would be refused: pg1 cannot be seen dead/);
    assert.match(failover?.evidence[0]?.value ?? "", /`host:`|`fence:`/);
  });

  test("asynchronous replication: what has to be accepted is said, and is no fault", () => {
    const primary = fixtures.alive("pg1", "primary");
    const settings = { ...fixtures.observation("primary").settings, synchronousStandbyNames: "" };
    const asynchronous = { ...primary, observation: fixtures.observation("primary", { settings }) };
    const { findings } = rehearse(fixtures.system({ synchronous: 0 }), {
      ...well,
      nodes: [asynchronous, ...well.nodes.slice(1)],
    });
    const failover = findings.find(({ code }) => code === "ready.failover");
    assert.equal(failover?.severity, "info");
    assert.match(failover?.title ?? "", /would need --accept-loss/);
  });

  test("no primary: nothing is rehearsed, and that is critical", () => {
    const { tried, findings } = rehearse(fixtures.system(), fixtures.primaryDead());
    assert.deepEqual(tried, []);
    assert.equal(findings[0]?.code, "ready.not-rehearsed");
  });
});

test("on a real cluster: ready as it is, and each thing that is taken away is found", { timeout: 240_000 }, () =>
  withWorld({}, async (world) => {
    // Of a standby no receiver with this setting would have it; it is a primary by then.
    await on(world, "pg3", async (connection) => {
      const [row] = await connection.query<{ value: string }>("select current_setting('primary_conninfo') as value");
      const value = `${row?.value} target_session_attrs=read-write`.replaceAll("'", "''");
      await connection.query(`alter system set primary_conninfo = '${value}'`);
      await connection.query("select pg_reload_conf()");
    });
    await until("pg3 streams again", async () => (await streaming(world, "pg1")).includes("pg3"));
    const first = await ready(world);
    assert.deepEqual(codesOf(first), [], JSON.stringify(first.flatMap(({ findings }) => findings)));

    // The host's word is wrong: pg3 is looked for in a directory where nothing of it runs.
    const asDeclared = readFileSync(world.lab.systemFile, "utf8");
    const elsewhere = asDeclared.replace(world.lab.node("pg3").dataDirectory, "/var/empty");
    assert.notEqual(elsewhere, asDeclared);
    await withSystemFile(
      world,
      () => elsewhere,
      async (declared) => {
        const codes = codesOf(await ready(declared));
        assert.ok(codes.includes("critical ready.host ledger/pg3"), codes.join("\n"));
      },
    );
    writeFileSync(world.lab.systemFile, asDeclared);

    // pg2 lets nobody replicate from it: only a failover to it would have shown that.
    const hba = `${world.lab.node("pg2").dataDirectory}/pg_hba.conf`;
    const before = readFileSync(hba, "utf8");
    writeFileSync(hba, `host replication all all reject\n${before}`);
    await on(world, "pg2", (connection) => connection.query("select pg_reload_conf()"));
    await until("the others are not let in", async () => {
      const codes = codesOf(await ready(world));
      return ["pg1", "pg3"].every((node) => codes.includes(`warning ready.replication-login ledger/${node}`));
    });
    writeFileSync(hba, before);
    await on(world, "pg2", (connection) => connection.query("select pg_reload_conf()"));
    await until("they are let in again", async () => codesOf(await ready(world)).length === 0);

    const directory = (text: string) => text.replace(/clients: .*$/m, `clients: { file: "${world.lab.directory}" }`);
    await withSystemFile(world, directory, async (declared) =>
      assert.deepEqual(codesOf(await ready(declared)), ["critical ready.clients-file ledger"]),
    );

    // A url that our own driver understands, and libpq does not.
    const options = (text: string) =>
      text.replace(/(url: "?postgres:\/\/[^"\s]*:\d+\/postgres)/g, "$1?no_such_option=1");
    await withSystemFile(world, options, async (declared) => {
      const found = (await ready(declared)).flatMap(({ findings }) => findings);
      const rewind = found.filter(({ code }) => code === "ready.rewind-login");
      assert.match(rewind[0]?.evidence[0]?.value ?? "", /no_such_option/);
      const nodes = [...new Set(rewind.map(({ subject }) => subject.name))];
      assert.deepEqual(nodes, ["ledger/pg1", "ledger/pg2", "ledger/pg3"], "a standby that runs can be rewound one day");
    });

    // What a restore left.
    appendFileSync(`${world.lab.node("pg1").dataDirectory}/postgresql.auto.conf`, "recovery_target = 'immediate'\n");
    assert.deepEqual(codesOf(await ready(world)), ["warning ready.starts-as ledger/pg1"]);
    chmodSync(hba, 0o600);
  }),
);

function ready(world: World): Promise<readonly Readiness[]> {
  const { system, fleet, timeline } = world;
  return checkReady({ system, fleet, timeline });
}

function codesOf(all: readonly Readiness[]): readonly string[] {
  return all
    .flatMap(({ findings }) => findings.map(({ severity, code, subject }) => `${severity} ${code} ${subject.name}`))
    .toSorted();
}
