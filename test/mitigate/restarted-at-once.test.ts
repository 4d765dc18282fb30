import assert from "node:assert/strict";
import { existsSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Fleet } from "../../src/drivers/fleet.ts";
import { localHost } from "../../src/drivers/host/local.ts";
import { openInstance } from "../../src/drivers/postgres/instance/open-instance.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { onlyPrimary } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* A supervisor that starts again whatever ends (docker, runit, systemd with Restart=always), and no `stop:` is declared. */

test("a switchover whose clean stop a supervisor undoes leaves the new server alone", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const { outcome, state } = await underSupervision(world, "switchover", "ledger");
    assert.equal(outcome, "stopped");
    assert.match(state, /pg1 was stopped in order, and something started it again at once/);
  }));

test("and one that it undoes before the old primary is marked takes the mark back", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const { outcome, state } = await underSupervision(world, "switchover", "ledger", "before the mark");
    assert.equal(outcome, "stopped");
    assert.match(state, /pg1 was stopped in order, and something started it again at once/);
    assert.equal(existsSync(join(world.lab.node("pg1").dataDirectory, "standby.signal")), false);
  }));

test("a restart is done once a supervisor has started it again", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const { outcome, state } = await underSupervision(world, "restart", "ledger/pg1");
    assert.equal(outcome, "done", state);
  }));

test("a stop ends as soon as another server runs in place of the one that was to end", () =>
  withWorld({ standbys: [] }, async ({ lab }) => {
    const { dataDirectory } = lab.node("pg1");
    const place = { host: localHost(), node: "pg1", dataDirectory, configFile: undefined, start: undefined };
    const again = openInstance({ ...place, binaries: undefined, stop: undefined });
    const first = await again.inspect();
    const programs = dirname(readlinkSync(`/proc/${first.postmasterPid}/exe`));
    const user = `$(stat -c %U '${dataDirectory}')`;
    const restart = `su -s /bin/sh "${user}" -c "'${programs}/pg_ctl' -D '${dataDirectory}' -m fast -s restart >/dev/null"`;
    const supervised = openInstance({ ...place, binaries: undefined, stop: restart });
    await assert.rejects(supervised.stop("fast", 60_000), { why: /something started it again/ });
    const { state, postmasterPid } = await again.inspect();
    assert.equal(state, "running");
    assert.notEqual(postmasterPid, first.postmasterPid);
  }));

/** Plans and carries out; each stop of pg1 is undone before anybody can look. What runs then is not ended. */
async function underSupervision(
  world: World,
  kind: string,
  subject: string,
  when: "after the stop" | "before the mark" = "after the stop",
) {
  const plan = await world.plan(kind, subject);
  assert.ok(!isRefusal(plan));
  await world.executor.store(plan, "person:test");
  let again: number | undefined;
  const instance: Fleet["instance"] = async (cluster, node) => {
    const real = await world.fleet.instance(cluster, node);
    if (real === undefined || node !== "pg1") return real;
    const restart = async () => {
      await real.start(60_000);
      again = (await real.inspect()).postmasterPid;
    };
    if (when === "before the mark") return { ...real, markStandby: () => restart().then(real.markStandby) };
    return { ...real, stop: (mode, timeoutMs) => real.stop(mode, timeoutMs).then(restart) };
  };
  const handlers = registryOf(...mitigationHandlers({ ...world, fleet: { ...world.fleet, instance } }));
  const result = await createExecutor({ timeline: world.timeline, handlers }).run(plan.id, "person:test", "person");
  const pg1 = await world.fleet.instance("ledger", "pg1");
  assert.equal((await pg1?.inspect())?.postmasterPid, again);
  assert.equal(await onlyPrimary(world), "pg1");
  return result;
}
