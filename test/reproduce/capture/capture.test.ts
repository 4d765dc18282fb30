import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil, systemClock } from "../../../src/base/time.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { captureCluster } from "../../../src/reproduce/capture/capture.ts";
import { captureText, readCapture } from "../../../src/reproduce/capture/file.ts";
import { compareCaptures } from "../../../src/reproduce/compare/compare.ts";
import { ranks } from "../../../src/reproduce/compare/rank.ts";
import { loadSystem } from "../../../src/system/load.ts";
import type { System } from "../../../src/system/schema.ts";
import { withLab } from "../../support/lab.ts";
import { noPostgres, postgresVersions } from "../../support/postgres-versions.ts";

const capture = (system: System, secrets: readonly string[] = []) =>
  captureCluster({ system, cluster: "ledger", clock: systemClock, secrets });

const sql = (url: string, ...statements: string[]) =>
  withConnection(url, {}, async (connection) => {
    for (const statement of statements) await connection.query(statement);
  });

/** The lab's system with its nodes changed. */
async function systemOf(lab: Lab, change: (node: System["clusters"][string]["nodes"][string]) => object = () => ({})) {
  const system = structuredClone(await loadSystem(lab.systemFile));
  for (const node of Object.values(system.clusters.ledger?.nodes ?? {})) Object.assign(node, change(node));
  return system;
}

for (const { title, binaries, skip } of postgresVersions)
  test(`a cluster is captured whole, by ${title}`, { skip }, () =>
    withLab({ binaries }, async (lab) => {
      const found = await capture(await systemOf(lab));
      assert.deepEqual(found.missing, []);
      const { pg1, pg2, pg3 } = found.nodes;
      assert.deepEqual([pg1?.role, pg2?.role, pg3?.role], ["primary", "synchronous", "asynchronous"]);
      assert.deepEqual([pg2?.postgres?.streamsFrom, pg3?.postgres?.streamsFrom], ["pg1", "pg1"]);
      assert.deepEqual(pg1?.postgres?.settings?.max_connections, {
        value: "60",
        source: "configuration file",
        context: "postmaster",
        at: pg1?.postgres?.settings?.max_connections?.at,
      });
      assert.match(pg1?.postgres?.settings?.max_connections?.at ?? "", /^postgresql\.conf:\d+$/);
      assert.equal(pg1?.postgres?.settings?.shared_buffers?.value, "16MB");
      assert.equal(pg1?.postgres?.fixed?.wal_segment_size, "1MB");
      assert.equal(found.defaults[String(pg1?.postgres?.versionNumber)]?.wal_sender_timeout, "1min");
      assert.deepEqual(
        found.extensions?.map(({ name }) => name),
        ["plpgsql"],
      );
      assert.match(pg1?.machine?.facts.kernel ?? "", /^Linux \d/);
      assert.match(pg1?.machine?.facts["sysctl vm.swappiness"] ?? "", /^\d+$/);
      assert.match(pg1?.machine?.limits?.["open files"] ?? "", /^\d+/);
      assert.ok(pg1?.machine?.mounts.data);
      assert.deepEqual(readCapture(captureText(found), "x"), found);
      assert.ok(
        !JSON.stringify({ ...found.nodes.pg1?.postgres?.settings, ...found.defaults }).includes("…"),
        "hidden for nothing",
      );
      assert.deepEqual(compareCaptures(found, await capture(await systemOf(lab))).differences, []);
    }),
  );

test(
  "secrets that stand everywhere are nowhere in the file, nor are the names of customers",
  { skip: noPostgres },
  () =>
    withLab({ standbys: ["asynchronous"], settings: { archive_mode: "on" } }, async (lab) => {
      const [primary, standby] = lab.nodes;
      const url = primary?.url ?? "";
      await sql(
        url,
        "create role acme_customer",
        "create database acme_customer",
        "alter role acme_customer set app.jwt_secret = 'geheim-1'",
        "alter role acme_customer set app.harmless = 'geheim-2'",
        "alter database acme_customer set synchronous_commit = off",
        "alter system set archive_command = 'PGPASSWORD=geheim-3 curl -u x:geheim-4 --token geheim-5 %p url-geheim'",
        "alter system set restore_command = 'get https://user:geheim-6@store/%f?sig=geheim-7 %p'",
        "alter system set ssl_passphrase_command = 'echo geheim-8'",
        "alter system set cluster_name = 'ours'",
      );
      const rules =
        "host acme_customer acme_customer 10.1.2.3/32 radius radiusservers=127.0.0.1 radiussecrets=geheim-9\n";
      await appendFile(join(primary?.dataDirectory ?? "", "pg_hba.conf"), rules);
      await sql(
        standby?.url ?? "",
        "alter system set primary_conninfo = 'host=127.0.0.1 user=replicator password=geheim-10 application_name=pg2'",
      );
      for (const one of [primary, standby]) await sql(one?.url ?? "", "select pg_reload_conf()");
      const system = await systemOf(lab, ({ url }) => ({ url: url.replace("blackstart@", "blackstart:url-geheim@") }));
      // A reload is noticed by each process in its own time.
      const seen = await pollUntil(
        async () => {
          const found = await capture(system);
          const { access = [], settings = {} } = found.nodes.pg1?.postgres ?? {};
          return access.length === 3 &&
            settings.restore_command &&
            found.nodes.pg2?.postgres?.settings?.primary_conninfo
            ? found
            : undefined;
        },
        { everyMs: 50, timeoutMs: 60_000 },
      );
      assert.ok(seen);
      const text = captureText(seen);
      assert.doesNotMatch(text, /geheim|acme|10\.1\.2\.3/);
      const { settings, access, roleSettings } = seen.nodes.pg1?.postgres ?? {};
      assert.match(settings?.archive_command?.value ?? "", /^PGPASSWORD=… curl -u x:…/);
      assert.deepEqual(access?.[2], {
        type: "host",
        databases: ["named"],
        users: ["named"],
        address: "ipv4/32",
        method: "radius",
        options: ["radiussecrets", "radiusservers"],
      });
      assert.deepEqual(
        roleSettings?.map(({ scope, name, value }) => `${scope}: ${name} ${value}`),
        ["role: app.harmless …", "role: app.jwt_secret …", "database: synchronous_commit off"],
      );
    }),
);

test(
  "who may see little is told what is missing; a node without host or without answer likewise",
  { skip: noPostgres },
  () =>
    withLab({ standbys: ["asynchronous"] }, async (lab) => {
      await sql(lab.node("pg1").url, "create role little login");
      const system = await systemOf(lab, ({ url }) => ({
        url: url.replace("blackstart@", "little@"),
        host: undefined,
      }));
      const found = await capture(system);
      const missing = (node: string, what: RegExp) =>
        found.missing.some((one) => one.node === node && what.test(one.what));
      for (const what of [/pg_hba_file_rules/, /pg_config/, /only some may see/, /machine/])
        assert.ok(missing("pg1", what), `${what} is not among\n${JSON.stringify(found.missing, null, 1)}`);
      assert.equal(found.nodes.pg1?.postgres?.settings?.max_connections?.value, "60");
      await lab.break("kill-primary");
      const without = await capture(await systemOf(lab));
      assert.equal(without.nodes.pg1?.role, "unknown");
      assert.ok(without.missing.some(({ node, what }) => node === "pg1" && what === "everything PostgreSQL says"));
      assert.ok(without.nodes.pg1?.machine, "the machine is there although its server is not");
      assert.ok(without.nodes.pg2?.postgres?.settings);
    }),
);

const [older, newer] = postgresVersions;
test(
  "two labs of two versions: what was planted is found first, then the version",
  { skip: older?.skip || newer?.skip },
  () =>
    withLab({ binaries: older?.binaries ?? "", settings: { synchronous_commit: "remote_write" } }, async (production) =>
      withLab({ binaries: newer?.binaries ?? "", settings: { wal_sender_timeout: "9s" } }, async (lab) => {
        const { differences, pairing } = compareCaptures(
          await capture(await systemOf(production)),
          await capture(await systemOf(lab)),
        );
        assert.deepEqual(
          differences.slice(0, 3).map(({ where, left, right }) => `${where}: ${left} | ${right}`),
          [
            "setting synchronous_commit: remote_write | on",
            "setting wal_sender_timeout: 2s | 9s",
            `version of PostgreSQL: ${differences[2]?.left} | ${differences[2]?.right}`,
          ],
        );
        assert.equal(differences[2]?.rank, ranks.major.rank);
        assert.equal(pairing.pairs.length, 3);
        assert.ok(!differences.some(({ where }) => /port|conninfo|directory|cluster_name/.test(where)));
      }),
    ),
);
