import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { withLab } from "../support/lab.ts";
import { eventually, watching } from "../watch/watching.ts";
import { commandLine } from "./command-line.ts";

/** A lab whose system file names a role that is asked for its password. */
async function withPasswords(use: (lab: Lab, admin: string) => Promise<void>): Promise<void> {
  await withLab({ standbys: ["asynchronous"] }, async (lab) => {
    const admin = lab.nodes[0]?.url ?? "";
    await withConnection(admin, {}, async (one) => {
      await one.query("create role watcher login password 'right'");
      await one.query("grant pg_monitor to watcher");
    });
    for (const { url, dataDirectory } of lab.nodes) {
      const file = join(dataDirectory, "pg_hba.conf");
      await writeFile(file, `host all watcher all scram-sha-256\n${await readFile(file, "utf8")}`);
      await withConnection(url, {}, (one) => one.query("select pg_reload_conf()"));
      await eventually(async () => {
        await withConnection(url.replace("//blackstart@", "//watcher:right@"), {}, (one) => one.query("select"));
        const wrong = url.replace("//blackstart@", "//watcher:wrong@");
        await assert.rejects(
          withConnection(wrong, {}, async () => undefined),
          { code: "UNREACHABLE" },
        );
      });
    }
    await writeFile(
      lab.systemFile,
      (await readFile(lab.systemFile, "utf8")).replaceAll("//blackstart@", "//watcher:right@"),
    );
    await use(lab, admin);
  });
}

test("servers that refuse only our login are told neither as an outage nor as well", () =>
  withPasswords(async (lab) => {
    const file = join(lab.directory, "wrong.yaml");
    await writeFile(file, (await readFile(lab.systemFile, "utf8")).replaceAll(":right@", "@"));
    const { run } = commandLine(lab.directory, { PGPASSWORD: "wrong" });
    const status = await run("--file", file, "status");
    assert.match(status.stdout, /it cannot be told who is the primary: pg1 and pg2 refuse our login/);
    assert.doesNotMatch(status.stdout, /NO PRIMARY|failover/);
    assert.equal(status.code, 1);

    const check = await run("--file", file, "check");
    assert.equal(check.code, 1, check.stdout);
    assert.match(check.stdout, /0 critical/);
    assert.match(check.stdout, /Not looked at: ledger\/pg1, ledger\/pg2\./);
    assert.doesNotMatch(check.stdout, /no-primary|failover/);
  }));

test("a watch that is refused after it has seen the primary calls it no outage", () =>
  withPasswords((lab, admin) =>
    watching(lab, async ({ until, changes, observations }) => {
      await until();
      await eventually(() => assert.ok(observations.some(({ role }) => role === "primary")));
      await withConnection(admin, {}, async (one) => {
        await one.query("alter role watcher password 'another'");
        await one.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'watcher'");
      });
      await eventually(() => {
        const raised = changes.flatMap((change) => change.raised).map(({ severity, code }) => `${severity} ${code}`);
        assert.ok(raised.includes("warning cluster.primary-unknown"), raised.join());
        assert.ok(raised.includes("warning node.access-refused"), raised.join());
        assert.ok(!raised.some((one) => one.startsWith("critical")), raised.join());
      });
    }),
  ));

test("a password that is asked for and not given is told as that, with how to give it", () =>
  withPasswords(async (lab) => {
    const url = lab.node("pg1").url.replace("//blackstart@", "//watcher@");
    const { run } = commandLine(lab.directory, { PGPASSWORD: undefined, PGPASSFILE: join(lab.directory, "none") });
    const { code, stderr } = await run("init", url);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /asks for a password, and none is given/);
    assert.match(stderr, /next: .*PGPASSWORD[\s\S]*\.pgpass[\s\S]*url/);
    assert.doesNotMatch(stderr, /SASL|SCRAM/);
  }));
