import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { lsnAhead } from "../../../src/drivers/postgres/lsn.ts";
import { type NodeObservation, observeNode } from "../../../src/drivers/postgres/observe.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { withLab } from "../../support/lab.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";

for (const { title, binaries, skip } of postgresVersions) {
  describe(`the observation of ${title}`, { skip }, () => {
    test("tells a primary and a standby, their timeline also right after a promotion, and hides a password", () =>
      withLab({ binaries, standbys: ["asynchronous", "asynchronous"] }, async (lab) => {
        const primary = await observe(lab, "pg1");
        assert.equal(primary.role, "primary");
        assert.equal(primary.timelineId, 1);
        assert.equal(primary.receiver, null);
        assert.equal(primary.replayedLsn, null);
        assert.equal(primary.settings.dataDirectory, lab.node("pg1").dataDirectory);
        assert.deepEqual(
          primary.standbys.map(({ applicationName, state, clientAddress }) => [applicationName, state, clientAddress]),
          [
            ["pg2", "streaming", "127.0.0.1"],
            ["pg3", "streaming", "127.0.0.1"],
          ],
        );

        const standby = await observe(lab, "pg2");
        assert.equal(standby.role, "standby");
        assert.equal(standby.systemIdentifier, primary.systemIdentifier);
        assert.equal(standby.receiver?.senderPort, lab.node("pg1").port);
        assert.match(standby.settings.primaryConninfo, /application_name='pg2'/);
        assert.ok(lsnAhead(standby.lsn, standby.replayedLsn ?? "") >= 0);

        // Behind pg2 before the promotion, so that it can be no further than pg2 when the timelines part.
        await withConnection(lab.node("pg3").url, {}, async (connection) => {
          await connection.query(
            `alter system set primary_conninfo = 'host=127.0.0.1 port=${lab.node("pg2").port} user=replicator password=''hun ter2'' application_name=pg3'`,
          );
          await connection.query("select pg_reload_conf()");
        });
        const followsOn = async (timelineId: number) => {
          const streams = async () => {
            const seen = await observe(lab, "pg3");
            const { senderPort, status } = seen.receiver ?? {};
            if (senderPort !== lab.node("pg2").port || status !== "streaming") return undefined;
            return seen.timelineId === timelineId ? seen : undefined;
          };
          const seen = await pollUntil(streams, { everyMs: 20, timeoutMs: 60_000 });
          assert.ok(seen, `pg3 does not follow pg2 on timeline ${timelineId}`);
          return seen;
        };
        await followsOn(1);

        // No checkpoint has followed the promotion: pg_control still says 1.
        await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote()"));
        assert.equal((await observe(lab, "pg2")).timelineId, 2);
        const followed = await followsOn(2);
        assert.doesNotMatch(JSON.stringify(followed), /hun ter2/);
      }));

    test("with pg_monitor sees all; without it what is closed is empty, and nothing fails", () =>
      withLab({ binaries, standbys: ["asynchronous"] }, async (lab) => {
        await withConnection(lab.node("pg1").url, {}, (connection) =>
          connection.query("create role monitor login in role pg_monitor; create role weak login"),
        );
        const full = await observe(lab, "pg1");
        const monitored = await observe(lab, "pg1", "monitor");
        assert.deepEqual({ ...monitored, lsn: "", standbys: [] }, { ...full, lsn: "", standbys: [] });
        assert.equal(monitored.standbys[0]?.state, "streaming");

        const weak = await observe(lab, "pg1", "weak");
        assert.equal(weak.role, "primary");
        assert.equal(weak.systemIdentifier, full.systemIdentifier);
        assert.equal(weak.settings.dataDirectory, "");
        assert.equal(weak.standbys[0]?.state, "unknown");
        const replicated = await pollUntil(
          () =>
            observe(lab, "pg2", "weak").catch((error) => {
              if (/does not exist/.test(error.message)) return undefined;
              throw error;
            }),
          { everyMs: 20, timeoutMs: 60_000 },
        );
        assert.equal(replicated?.receiver?.status, null);
        assert.equal(replicated?.settings.primaryConninfo, "");
      }));
  });
}

function observe(lab: Lab, node: string, user = "blackstart"): Promise<NodeObservation> {
  return withConnection(lab.node(node).url.replace("blackstart@", `${user}@`), {}, (connection) =>
    observeNode(connection),
  );
}

test("what our own role is set to is not taken for what the clients have", () =>
  withLab({ standbys: [] }, async (lab) => {
    const ask = (query: string) => withConnection(lab.node("pg1").url, {}, (connection) => connection.query(query));
    const seen = async () => (await observe(lab, "pg1")).settings.synchronousCommit;
    await ask("alter system set synchronous_commit = off");
    await ask("select pg_reload_conf()");
    assert.equal(
      await pollUntil(async () => ((await seen()) === "off" ? "off" : undefined), { everyMs: 10, timeoutMs: 10_000 }),
      "off",
    );
    await ask("alter role blackstart set synchronous_commit = on");
    assert.equal(await seen(), "");
    await ask("alter role blackstart reset synchronous_commit");
    await ask("create role other");
    await ask("alter role other set synchronous_commit = on");
    assert.equal(await seen(), "off");
  }));
