import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import type { ObservationEvent } from "../../src/timeline/observation.ts";
import { assertWhole, on, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* A restore left settings by which a standby promotes itself at its first commit. */

const leftovers = "recovery_target_time = '2020-01-01 00:00:00+00'\nrecovery_target_action = 'promote'\n";

for (const kind of ["switchover", "failover"] as const)
  test(`a ${kind} of a primary with a recovery target ends in one primary, also after the next commit`, () =>
    withWorld({}, async (world) => {
      appendFileSync(join(world.lab.node("pg1").dataDirectory, "postgresql.auto.conf"), leftovers);
      if (kind === "failover") await signal(world, "pg1", "SIGKILL");
      const result = await world.act(kind, "ledger", kind === "switchover" ? { node: "pg2" } : {});
      assert.match(result.outcome, /^done/, result.state);
      const primary = await assertWhole(world);
      assert.notEqual(primary, "pg1");
      await on(world, primary, (one) => one.query("create table later as select 1 as i"));
      const replayed = "select 1 from pg_class where relname = 'later' and pg_is_in_recovery()";
      await until("pg1 has replayed it as a standby", () =>
        on(world, "pg1", async (one) => (await one.query(replayed)).length === 1),
      );
      assert.equal(await onlyPrimary(world), primary);
    }));

test("a switchover whose old primary would promote itself by its command line is refused before anything is stopped", () =>
  withWorld({}, async (world) => {
    const started = join(world.lab.node("pg1").dataDirectory, "postmaster.opts");
    writeFileSync(started, `${readFileSync(started, "utf8").trimEnd()} "-c" "recovery_target=immediate"\n`);
    const result = await world.act("switchover", "ledger", { node: "pg2" });
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /command line sets recovery_target = 'immediate'/);
    assert.equal(await assertWhole(world), "pg1");
  }));

test("a standby that runs with a recovery target confirms writes that it would not have as the primary: it is not promoted", () =>
  withWorld({ nodeSettings: { pg2: { recovery_target_name: "restored" } } }, async (world) => {
    const ask = (node: string, query: string) => on(world, node, (one) => one.query(query));
    await ask("pg1", "select pg_create_restore_point('restored')");
    await until("pg2 has reached its target", async () => {
      const [row] = await ask("pg2", "select pg_is_wal_replay_paused() as paused");
      return row?.paused === true;
    });
    await ask("pg1", "create table acknowledged as select 1 as i");
    const switched = await world.plan("switchover", "ledger", { node: "pg2" });
    assert.match(
      isRefusal(switched) ? switched.missing : "",
      /pg2 is not to become the primary: it runs with recovery/,
    );
    await signal(world, "pg1", "SIGKILL");
    const refused = await world.plan("failover", "ledger");
    assert.ok(isRefusal(refused), "what pg2 has confirmed is taken for safe");
    assert.equal(refused.accept, "--accept-loss");
    assert.match(refused.missing, /pg2 cannot be promoted/);
    const accepted = await world.plan("failover", "ledger", { acceptLoss: true });
    if (isRefusal(accepted)) assert.fail(accepted.missing);
    assert.deepEqual(accepted.steps.find(({ id }) => id === "elect")?.parameters.candidates, ["pg3"]);
  }));

test("a standby that a restore would have promote itself is started as one, and stays one", () =>
  withWorld({}, async (world) => {
    await signal(world, "pg3", "SIGKILL");
    appendFileSync(join(world.lab.node("pg3").dataDirectory, "postgresql.auto.conf"), leftovers);
    const result = await world.act("restart", "ledger/pg3");
    assert.equal(result.outcome, "done", result.state);
    await on(world, "pg1", (one) => one.query("create table later as select 1 as i"));
    const replayed = "select 1 from pg_class where relname = 'later'";
    await until("pg3 has replayed it", () => on(world, "pg3", async (one) => (await one.query(replayed)).length === 1));
    assert.equal(await onlyPrimary(world), "pg1");
  }));

test("a standby that has lost its mark since the plan was made is not started: it would be a second primary", () =>
  withWorld({}, async (world) => {
    await signal(world, "pg3", "SIGKILL");
    const plan = await world.plan("restart", "ledger/pg3");
    if (isRefusal(plan)) assert.fail(plan.missing);
    rmSync(join(world.lab.node("pg3").dataDirectory, "standby.signal"));
    await world.executor.store(plan, "person:test");
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(await onlyPrimary(world), "pg1");
    assert.equal(result.outcome, "stopped");
    assert.match(result.state, /pg3 is not marked as a standby any more/);
  }));

/* Its configuration can be read neither by us nor by its own program, as of a container: only `start:` can start it. */
for (const [name, { node, mark, isStarted }] of Object.entries({
  "a standby that Blackstart once marked, and that ran as one": { node: "pg3", mark: "ours", isStarted: true },
  "an old primary that Blackstart has marked": { node: "pg1", mark: "ours", isStarted: false },
  "an old primary that somebody has marked": { node: "pg1", mark: "another's", isStarted: false },
  "a standby that ran as one": { node: "pg3", mark: "another's", isStarted: true },
} as const))
  test(`not known to stay a standby: ${name} is ${isStarted ? "" : "not "}started`, () =>
    withWorld({}, async (world) => {
      await signal(world, node, "SIGKILL");
      const { dataDirectory } = world.lab.node(node);
      rmSync(join(dataDirectory, "standby.signal"), { force: true });
      if (mark === "ours") await (await world.fleet.instance("ledger", node))?.markStandby();
      else writeFileSync(join(dataDirectory, "standby.signal"), "");
      await rememberElsewhere(world, node);
      const started = join(world.lab.directory, "started");
      const command = (text: string) =>
        text.replace(new RegExp(`( ${node}:[\\s\\S]*?\\n)( *)(host: )`), `$1$2start: touch ${started}; exit 1\n$2$3`);
      await withSystemFile(world, command, async (closed) => {
        const result = await closed.act("restart", `ledger/${node}`);
        assert.equal(existsSync(started), isStarted, result.state);
        if (!isStarted) assert.match(result.state, /is not known whether it would stay a standby/);
      });
    }));

/** As the server itself says where its configuration lies: a path that its machine does not know. */
async function rememberElsewhere({ lab, timeline }: World, node: string): Promise<void> {
  const seen = (await timeline.read({ stream: "cluster/ledger" })).map(({ data }) => data as ObservationEvent["data"]);
  const own = seen.find((one) => one.node === node);
  assert.ok(own);
  const data = { ...own, configFile: join(lab.directory, "nowhere", "postgresql.conf") };
  await timeline.append("cluster/ledger", "any", [{ kind: "node.observed", by: "watch", data }]);
}
