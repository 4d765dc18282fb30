import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "../../../src/drivers/postgres/connection.ts";
import { withLab } from "../../support/lab.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { until } from "./support.ts";

describe("a slow network", { skip: noPostgres }, () => {
  test("delays every answer by both ways and carries no more than its line; healed, it is as quick as before", () =>
    withLab({ proxied: true, standbys: ["asynchronous"] }, async (lab) => {
      const held = await connect(lab.node("pg1").url, { queryTimeoutMs: 30_000 });
      await held.query("select 1");
      const took = async (text: string) => {
        const from = performance.now();
        const [row] = await held.query<{ answer: string }>(text);
        return { ms: performance.now() - from, bytes: row?.answer.length ?? 0 };
      };
      // What cannot be quicker is no measurement: these are lower limits.
      await lab.break("slow", "primary", { latencyMs: "60" });
      assert.ok((await took("select 'x' as answer")).ms >= 119);

      await lab.break("slow", "primary", { latencyMs: "0", kilobytesPerSecond: "200" });
      const large = await took("select repeat('x', 100000) as answer");
      assert.equal(large.bytes, 100_000);
      assert.ok(large.ms >= 499, `${large.ms} ms`);

      // What is under way when it heals arrives whole and in order.
      await lab.break("slow", "primary", { latencyMs: "20000" });
      const late = took("select repeat('y', 300000) as answer");
      await lab.heal("slow");
      assert.equal((await late).bytes, 300_000);
      await until(async () => {
        const rows = await held.query("select 1 from pg_stat_replication where state = 'streaming'");
        return rows.length === 1;
      });
      await held.close();
    }));

  test("parameters that make no sense are refused", () =>
    withLab({ proxied: true, standbys: [] }, async (lab) => {
      for (const wrong of [{ latencyMs: "-1" }, { latencyMs: "slow" }, { kilobytesPerSecond: "0" }, { latency: "5" }])
        await assert.rejects(lab.break("slow", "primary", wrong), {
          code: "USAGE",
          why: /It takes (latencyMs|kilobytesPerSecond): /,
        });
    }));
});
