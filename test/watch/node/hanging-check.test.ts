import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { systemClock } from "../../../src/base/time.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { logFileOf } from "../../../src/lab/server-start.ts";
import { startNodeWatch } from "../../../src/watch/node/node-watch.ts";
import { createPositionHistory } from "../../../src/watch/node/position-history.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { withLab } from "../../support/lab.ts";
import { eventually, signalAll } from "../watching.ts";

test(
  "a hang in the middle of a health check is known by that check's silence, without another question",
  {
    skip: noPostgres,
  },
  () =>
    withLab({ standbys: [], settings: { log_statement: "all" } }, async (lab) => {
      const { url, dataDirectory } = lab.node("pg1");
      const watch = startNodeWatch({
        cluster: "ledger",
        node: "pg1",
        url,
        heartbeatMs: 1000,
        clock: systemClock,
        positions: createPositionHistory(),
        errand: () => ({ check: "slow", query: "select pg_sleep(0.3)" }),
        changed: () => undefined,
      });
      try {
        const pid = await withConnection(url, {}, async (connection) => {
          let found: number | undefined;
          await eventually(async () => {
            const [row] = await connection.query<{ pid: number }>(
              "select pid from pg_stat_activity where application_name = 'blackstart watch' and state = 'active' and query like '%pg_sleep%' and query_start > clock_timestamp() - interval '100 ms'",
            );
            found = row?.pid;
            assert.ok(found, "the check runs");
          });
          return found;
        });
        signalAll(lab, "pg1", "SIGSTOP");
        await eventually(() => assert.equal(watch.facts().condition.kind, "hanging"));
        await watch.close();
        signalAll(lab, "pg1", "SIGCONT");
        await withConnection(url, {}, (connection) =>
          eventually(async () => {
            const rows = await connection.query("select from pg_stat_activity where pid = $1", [pid]);
            assert.equal(rows.length, 0, "its session is over");
          }),
        );
        const asked = (await readFile(logFileOf(dataDirectory), "utf8"))
          .split("\n")
          .filter((line) => new RegExp(`\\[${pid}\\] LOG:  (statement|execute)`).test(line));
        assert.match(asked.at(-1) ?? "", /pg_sleep/);
      } finally {
        await watch.close();
        signalAll(lab, "pg1", "SIGCONT");
      }
    }),
);
