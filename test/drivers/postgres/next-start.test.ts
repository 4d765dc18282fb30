import assert from "node:assert/strict";
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Instance } from "../../../src/drivers/postgres/instance.ts";
import { nextStartFrom } from "../../../src/drivers/postgres/instance/next-start.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { withLab } from "../../support/lab.ts";
import { everyMajor, noPostgres } from "../../support/postgres-versions.ts";

/* What a start of a server would be: a standby has to stay one, whatever a restore has left in its configuration. */

describe("what the files of a server say of its next start", () => {
  const past = "recovery_target_time = '2020-01-01 00:00:00+00'";
  const promote = "recovery_target_action = promote";
  const table: readonly [title: string, lines: readonly string[], leftovers: readonly string[], start?: string][] = [
    ["nothing", [], []],
    ["a target", [`set\t/a\t${past}`], ["recovery_target_time in /a: stop replaying"]],
    ["a target that promotes", [`set\t/a\t${past}`, `set\t/b\t${promote}`], ["recovery_target_time in /a: promote"]],
    ["the last line wins", [`set\t/a\t${past}`, "set\t/b\tRecovery_Target_Time ''"], []],
    [
      "of two files the second",
      ["set\t/a\trecovery_target ''", "set\t/b\trecovery_target=immediate"],
      ["recovery_target in /b: stop replaying"],
    ],
    [
      "a target that shuts it down",
      ["set\t/a\trecovery_target_xid 7 # c", "set\t/a\trecovery_target_action='shutdown'"],
      ["recovery_target_xid in /a: shut down"],
    ],
    ["a trigger file", ["set\t/a\tpromote_trigger_file = '/tmp/x'"], ["promote_trigger_file in /a: promote"]],
    ["a trigger file that 16 does not know", ["version\t16", "set\t/a\tpromote_trigger_file = '/tmp/x'"], []],
    ["an action alone, and a timeline", [`set\t/a\t${promote}`, "set\t/a\trecovery_target_timeline = 'latest'"], []],
    ["the command line wins", [`set\t/a\t${past}`, 'started\t/x/postgres "-D" "/d" "--recovery-target-time="'], []],
    [
      "a target on the command line",
      ['started\t/x/postgres "-c" "recovery_target_lsn=0/1"'],
      ["recovery_target_lsn in its command line: stop replaying"],
    ],
    [
      "one in the command that starts it",
      [],
      ["recovery_target in its command line: stop replaying"],
      "pg_ctl start -o '-c recovery_target=immediate'",
    ],
  ];
  for (const [title, lines, expected, start] of table)
    test(title, () => {
      const { leftovers } = nextStartFrom(
        [...(lines[0]?.startsWith("version") ? [] : ["version\t15"]), ...lines].join("\n"),
        start,
      );
      assert.deepEqual(
        leftovers.map(({ setting, where, effect }) => `${setting} in ${where}: ${effect}`),
        expected,
      );
    });
});

for (const { title, binaries, skip } of [everyMajor[0], everyMajor.at(-1)].filter((one) => one !== undefined))
  describe(`a primary of ${title} with leftovers of a restore`, { skip: skip || noPostgres }, () => {
    test("is marked as a standby, and starts as one that stays one", () =>
      withPrimary(binaries, async ({ lab, pg1 }) => {
        // In an included file, a folder of files, and by ALTER SYSTEM; the last one is what counts.
        leave(pg1, "postgresql.conf", "include 'more.conf'\ninclude_dir = 'parts'");
        leave(pg1, "more.conf", "recovery_target_action = 'promote'");
        mkdirSync(join(pg1.dataDirectory, "parts"));
        leave(pg1, "parts/a.conf", "recovery_target_xid = '3'");
        leave(pg1, "postgresql.auto.conf", "recovery_target_time = '2020-01-01 00:00:00+00'\nrecovery_target_xid = ''");
        const { as, leftovers } = await pg1.nextStart();
        assert.deepEqual(
          [as, leftovers.map(({ setting, effect }) => [setting, effect])],
          ["primary", [["recovery_target_time", "promote"]]],
        );
        await pg1.kill();
        await pg1.markStandby();
        assert.equal((await pg1.nextStart()).as, "standby");
        assert.deepEqual((await pg1.nextStart()).leftovers, []);
        await pg1.start(60_000);
        // It has replayed all that it had, which lies behind the target, and is a standby still.
        await until(() => holds(lab, "select 1 where pg_is_in_recovery() and (select count(*) = 10 from t)"));
      }));

    test("whose command line has a target is not marked, and nothing is changed", () =>
      withPrimary(binaries, async ({ pg1 }) => {
        await pg1.stop("fast", 10_000);
        leave(pg1, "postmaster.opts", `${binaries}/postgres "-D" "x" "-c" "recovery_target=immediate"`);
        leave(pg1, "postgresql.auto.conf", "recovery_target_xid = '3'");
        const before = readFileSync(join(pg1.dataDirectory, "postgresql.auto.conf"), "utf8");
        await assert.rejects(pg1.markStandby(), (error: Error & { code: string; why: string }) => {
          assert.equal(error.code, "NOT_POSSIBLE_NOW");
          assert.match(error.why, /command line sets recovery_target = 'immediate'/);
          return true;
        });
        assert.equal(existsSync(join(pg1.dataDirectory, "standby.signal")), false);
        assert.equal(readFileSync(join(pg1.dataDirectory, "postgresql.auto.conf"), "utf8"), before);
      }));

    test("that was marked by a fence that went no further is told by that, and made a primary again", () =>
      withPrimary(binaries, async ({ lab, pg1 }) => {
        await pg1.markStandby();
        await pg1.kill();
        const { as, markedAt } = await pg1.nextStart();
        assert.equal(as, "standby");
        assert.match(markedAt ?? "", /^\d{4}-\d\d-\d\dT/);
        await pg1.unmarkStandby();
        await pg1.unmarkStandby();
        assert.equal((await pg1.nextStart()).as, "primary");
        await pg1.start(60_000);
        await until(() => holds(lab, "select 1 where not pg_is_in_recovery()"));
        await pg1.kill();
        await pg1.markStandby();
        await pg1.start(60_000);
        await assert.rejects(pg1.unmarkStandby(), { code: "NOT_POSSIBLE_NOW", why: /run as a standby/ });
      }));
  });

type Primary = Readonly<{ lab: Lab; pg1: Instance }>;

async function withPrimary(binaries: string, use: (primary: Primary) => Promise<void>): Promise<void> {
  await withLab({ binaries, standbys: [] }, async (lab) => {
    const { dataDirectory } = lab.node("pg1");
    const place = { configFile: undefined, binaries, start: undefined, stop: undefined };
    const pg1 = openInstance({ host: localHost(), node: "pg1", dataDirectory, ...place });
    await withConnection(lab.node("pg1").url, {}, async (connection) => {
      await connection.query("checkpoint");
      await connection.query("create table t (i int)");
      for (let i = 0; i < 10; i += 1) await connection.query("insert into t values ($1)", [i]);
    });
    await use({ lab, pg1 });
  });
}

/** At the end of a file of its owner's. */
function leave({ dataDirectory }: Instance, file: string, text: string): void {
  const path = join(dataDirectory, file);
  if (existsSync(path)) return appendFileSync(path, `${text}\n`);
  writeFileSync(path, `${text}\n`);
  const { uid, gid } = statSync(dataDirectory);
  chownSync(path, uid, gid);
}

async function holds(lab: Lab, query: string): Promise<boolean> {
  return withConnection(lab.node("pg1").url, {}, async (connection) => (await connection.query(query)).length === 1);
}

async function until(ask: () => Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await ask()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(held, "the state was not reached within 60 s");
}
