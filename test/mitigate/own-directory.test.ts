import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { knownState } from "../../src/drivers/postgres/instance.ts";
import { type Housed, notItsOwn } from "../../src/mitigate/own-directory.ts";
import { checkReady, misplacedNodes } from "../../src/mitigate/readiness/check-ready.ts";
import { handOverHandler } from "../../src/mitigate/steps/hand-over.ts";
import { endServer, startServer } from "../../src/mitigate/steps/servers.ts";
import type { StepContext } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, onlyPrimary, signal } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* `data:` of one node leads to the directory of another: a plan for the one must never stop or start the other's server. */

const running = { state: "running", pids: [7], postmasterPid: 7, standbySignal: true } as const;
const down = { state: "down", pids: [], standbySignal: true } as const;

function housed(node: string, port: number, change: Partial<Housed> = {}): Housed {
  const settings = { dataDirectory: `/data/${port}` };
  return {
    node,
    reach: "answers",
    server: { systemIdentifier: "1", startedAt: "2026-11-20T00:00:01.500Z", port, settings },
    state: running,
    identity: { directory: `boot:1:${port}`, system: "1", lock: lock(port) },
    ...change,
  };
}

function lock(port: number, dataDirectory = `/data/${port}`) {
  return { dataDirectory, port, startedAtMs: Date.parse("2026-11-20T00:00:01Z") };
}

const silent = { reach: "closed", server: undefined } as unknown as Partial<Housed>;
const alpha = housed("alpha", 1);
const gamma = housed("gamma", 3);

describe("whose directory it is", () => {
  for (const [name, beta, others, expected] of [
    ["its own", housed("beta", 2), [gamma], undefined],
    ["its own, and it hangs", housed("beta", 2, silent), [gamma], undefined],
    [
      "one directory for two",
      housed("beta", 2, { ...silent, identity: gamma.identity }),
      [gamma],
      /data directory of gamma/,
    ],
    [
      "one directory for two, both down",
      housed("beta", 2, { ...silent, state: down, identity: { directory: "boot:1:3" } }),
      [{ ...gamma, ...silent, state: down } as Housed],
      /gamma/,
    ],
    [
      "another's server, whose host was not asked",
      housed("beta", 2, { ...silent, identity: { system: "1", lock: lock(3) } }),
      [housed("gamma", 3, { identity: undefined, state: undefined } as unknown as Partial<Housed>)],
      /gamma, which runs there/,
    ],
    [
      "another server than answers",
      housed("beta", 2, { identity: { lock: lock(9) } }),
      [gamma],
      /another server.*port 9/,
    ],
    ["none, and yet it answers", housed("beta", 2, { state: down }), [gamma], /sees nothing/],
    [
      "a server of another cluster, while it is silent itself",
      housed("beta", 2, { ...silent, identity: { system: "2", lock: lock(2) } }),
      [gamma],
      /another cluster/,
    ],
    [
      "containers of one kind: one path and port in each, and the directories differ",
      housed("beta", 5, { ...silent, identity: { directory: "boot:1:8", system: "1", lock: lock(5, "/data/5") } }),
      [housed("gamma", 5, { identity: { directory: "boot:1:9", system: "1", lock: lock(5) } })],
      undefined,
    ],
    [
      "the lock file of a server that is gone",
      housed("beta", 2, { ...silent, state: down, identity: { lock: lock(3) } }),
      [gamma],
      undefined,
    ],
  ] as const)
    test(name, () => {
      const said = notItsOwn(beta, [alpha, beta, ...others]);
      if (expected === undefined) assert.equal(said, undefined);
      else assert.match(said ?? "", expected);
    });
});

for (const [whose, of] of [
  ["another standby", "pg3"],
  ["the primary", "pg1"],
] as const)
  test(`a standby with the directory of ${whose}: nothing is touched, and it is reported`, { timeout: 240_000 }, () =>
    withWorld({}, async (world) => {
      const { dataDirectory } = world.lab.node(of);
      await signal(world, "pg2", "SIGKILL");
      await withSystemFile(world, leading("pg2", dataDirectory), async (declared) => {
        const before = await Promise.all(["pg1", "pg3"].map((node) => startedAt(declared, node)));
        for (const kind of ["restart", "rejoin"]) {
          const refused = await declared.plan(kind, "ledger/pg2");
          assert.ok(isRefusal(refused), `${kind} was planned`);
          assert.match(refused.missing, new RegExp(`data directory of ${of}`));
          assert.match(refused.provide, /Correct `host:` and `data:` of pg2/);
        }
        const [ready] = await checkReady(declared);
        const critical = ready?.findings.find(
          ({ code, subject }) => code === "ready.host" && subject.name.endsWith("pg2"),
        );
        assert.equal(critical?.severity, "critical", JSON.stringify(ready?.findings));
        assert.match(critical?.title ?? "", new RegExp(`data directory of ${of}`));

        // A plan that was made before: the steps look themselves.
        const instance = await declared.fleet.instance("ledger", "pg2");
        assert.ok(instance);
        const place = { cluster: "ledger", node: "pg2", instance };
        for (const mode of ["fast", "kill"] as const)
          await assert.rejects(
            endServer(declared, heldStep, place, { mode, timeoutMs: 5000 }),
            /Nothing was done to pg2/,
          );
        await assert.rejects(startServer(declared, place, 5000), /Nothing was done to pg2/);
        assert.equal((await knownState(instance)).standbySignal, of === "pg3");
        assert.deepEqual(await Promise.all(["pg1", "pg3"].map((node) => startedAt(declared, node))), before);
        assert.equal(await onlyPrimary(declared), "pg1");

        // In an outage of the primary as well: pg2 is left alone, whatever becomes of the failover.
        await signal(world, "pg1", "SIGKILL");
        const failover = await declared.plan("failover", "ledger");
        if (of === "pg1") {
          assert.ok(isRefusal(failover), "the primary is fenced in a directory that two nodes claim");
          assert.match(failover.missing, /data directory of pg/);
        } else assert.ok(!isRefusal(failover) || /data directory of pg/.test(failover.missing));
        assert.deepEqual(await startedAt(declared, "pg3"), before[1]);
      });
    }),
  );

/** The system file, with that as the `data:` of the node. */
function leading(node: string, directory: string): (text: string) => string {
  return (text) => {
    const changed = text.replace(new RegExp(`(\\n {6}${node}:\\n(?: {8}.*\\n)*? {8}data: ).*`), `$1"${directory}"`);
    assert.notEqual(changed, text);
    return changed;
  };
}

const heldStep = { assertHeld: async () => undefined, progress: () => undefined } as unknown as StepContext;

function startedAt(world: World, node: string): Promise<unknown> {
  return on(world, node, (one) => one.query("select pg_postmaster_start_time()::text as at"));
}

test(
  "a standby that answers, with the directory of another: no plan and no step trusts its host",
  { timeout: 240_000 },
  () =>
    withWorld({}, async (world) => {
      const { dataDirectory } = world.lab.node("pg3");
      await withSystemFile(world, leading("pg2", dataDirectory), async (declared) => {
        const refused = await declared.plan("restart", "ledger/pg2");
        assert.ok(isRefusal(refused));
        const parameters = { cluster: "ledger", node: "pg2", target: "pg1" };
        const step = { ...heldStep, parameters } as unknown as StepContext;
        await assert.rejects(async () => handOverHandler(declared).do(step), /Nothing was done to pg2/);
        const found = await misplacedNodes(declared);
        assert.deepEqual(
          found.map(({ severity, subject }) => `${severity} ${subject.name}`),
          ["critical ledger/pg2", "critical ledger/pg3"],
        );
        const [ready] = await checkReady(declared);
        const named = ready?.findings
          .filter(({ severity }) => severity === "critical")
          .map(({ subject }) => subject.name);
        assert.deepEqual(named?.sort(), ["ledger/pg2", "ledger/pg3"]);
      });
    }),
);

test(
  "a data directory that does not exist is said to be missing, of a node that runs and of one that is down",
  { timeout: 240_000 },
  () =>
    withWorld({}, (world) =>
      withSystemFile(world, leading("pg2", "/nowhere/at/all"), async (declared) => {
        const said = async () => JSON.stringify(await checkReady(declared));
        assert.match(await said(), /pg2 is not its own: its data directory does not exist on its host/);
        await signal(world, "pg2", "SIGKILL");
        const down = await said();
        assert.match(down, /The data directory \/nowhere\/at\/all of pg2 does not exist/);
        assert.match(down, /Correct `data:` of pg2/);
      }),
    ),
);

test("a machine that cannot be reached: no login was refused there, none was tried", { timeout: 240_000 }, () =>
  withWorld({}, (world) => {
    const away = (text: string) =>
      text.replace(/(\n {6}pg2:\n(?: {8}.*\n)*? {8}host: ).*/, '$1"ssh://nobody@127.0.0.1:1"');
    return withSystemFile(world, away, async (declared) => {
      const [ready] = await checkReady(declared);
      const own = ready?.findings.filter(({ subject }) => subject.name === "ledger/pg2") ?? [];
      assert.ok(
        own.every(({ code }) => code !== "ready.replication-login"),
        JSON.stringify(own),
      );
      const refused = await declared.plan("restart", "ledger/pg2");
      assert.ok(isRefusal(refused));
      assert.doesNotMatch(`${refused.missing} ${refused.provide}`, /\.\.|Declare `host:`/);
    });
  }),
);
