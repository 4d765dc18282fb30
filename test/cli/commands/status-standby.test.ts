import assert from "node:assert/strict";
import { test } from "node:test";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { withLab } from "../../support/lab.ts";
import { commandLine } from "../command-line.ts";

test("a standby that does not stream is shown as that, with its remedy, and status ends with 1", () =>
  withLab({ standbys: ["asynchronous"] }, async (lab) => {
    await withConnection(lab.node("pg2").url, {}, async (one) => {
      await one.query("alter system set primary_conninfo = 'host=127.0.0.1 port=1 user=nobody'");
      await one.query("select pg_reload_conf()");
    });
    const { run } = commandLine(lab.directory);
    const { code, stdout } = await run("--file", lab.systemFile, "status");
    assert.match(stdout, /^ +pg2 +up +standby +does not follow: not streaming/m);
    assert.match(stdout, /^Next: blackstart mitigate rejoin ledger\/pg2/m);
    assert.equal(code, 1);
  }));
