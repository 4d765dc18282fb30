import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { pollUntil } from "../../src/base/time.ts";
import { createFleet } from "../../src/drivers/fleet.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { startUp, type Up, type UpOptions } from "../../src/server/up.ts";
import { loadSystem } from "../../src/system/load.ts";
import { type System, systemSchema } from "../../src/system/schema.ts";
import { listPlans } from "../../src/plan/status.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { withLab } from "../support/lab.ts";
import { ask, lowPort } from "./api.ts";

const nothing = systemSchema.parse({ system: "nothing" });
const process_ = fileURLToPath(new URL("./up-process.ts", import.meta.url));

function withStore(use: (given: { timeline: Timeline; home: string }) => Promise<void>): Promise<void> {
  return withFolder(async (home) => {
    const timeline = await openSqliteTimeline(`${home}/timeline.db`);
    try {
      await use({ timeline, home });
    } finally {
      await timeline.close();
    }
  });
}

async function withUp(options: UpOptions, use: (up: Up, port: number) => Promise<void>): Promise<void> {
  const up = await startUp({ port: lowPort(), firstRoundMs: 0, ...options });
  try {
    await use(up, Number(new URL(up.url).port));
  } finally {
    await up.close();
  }
}

async function until<T>(ask: () => Promise<T | undefined | false>, what: string): Promise<T> {
  const answer = await pollUntil(async () => (await ask()) || undefined, { everyMs: 20, timeoutMs: 60_000 });
  assert.ok(answer !== undefined, `${what}: not within 60 s`);
  return answer;
}

/** Every node has been seen. */
function seen(port: number, nodes: number): Promise<unknown> {
  return until(async () => {
    const { json } = await ask(port, "GET", "/api/status");
    return json.nodes.filter((node: { condition: string }) => node.condition === "up").length === nodes;
  }, `${nodes} nodes up`);
}

function incidentOf(port: number, status: string): Promise<any> {
  return until(async () => {
    const { json } = await ask(port, "GET", `/api/incidents?status=${status}`);
    return json.incidents[0];
  }, `an incident that is ${status}`);
}

describe("up", () => {
  it("notices the death of the primary on a real cluster, fails over when a person approves, and tells the story", () =>
    withLab({}, (lab: Lab) =>
      withStore(async ({ timeline, home }) => {
        const system = await loadSystem(lab.systemFile);
        await withUp({ system, timeline, home }, async (_, port) => {
          const token = (await readFile(`${home}/token`, "utf8")).trim();
          await seen(port, lab.nodes.length);
          await lab.break("kill-primary");
          const incident = await incidentOf(port, "open");
          assert.equal(incident.subject.kind, "cluster");
          assert.ok(incident.times.outageStart <= incident.times.noticedAt);

          const plan = await until(async () => {
            const { json } = await ask(port, "GET", "/api/status");
            return json.plans.find(({ kind }: { kind: string }) => kind === "failover");
          }, "a failover is proposed");
          const approve = `/api/plans/${plan.id}/approve`;
          const approved = await ask(port, "POST", approve, { body: { person: "ada" }, token });
          assert.equal(approved.status, 202, approved.text);
          const mitigated = await incidentOf(port, "mitigated");
          assert.equal(mitigated.id, incident.id);
          assert.match(mitigated.mitigation, new RegExp(plan.id));
          assert.equal((await listIncidents(timeline)).length, 1, "one outage is one incident");
          await until(async () => {
            const { json } = await ask(port, "GET", `/api/plans/${plan.id}`);
            return String(json.plan.state).startsWith("done");
          }, "the plan ends");
          const { text } = await ask(port, "GET", `/api/incidents/${incident.id}/postmortem`);
          assert.match(text, new RegExp(`Plan \`${plan.id}\` \\(failover\\): done`));
        });
      }),
    ));

  it("halted in the middle of a plan for longer than its lease, it goes on with it", () =>
    withLab({}, (lab: Lab) =>
      withStore(async ({ timeline, home }) => {
        const text = await readFile(lab.systemFile, "utf8");
        await writeFile(
          lab.systemFile,
          `${text.replace(/^mitigation:\n( .*\n)*/m, "")}\nmitigation: { failover: auto }\n`,
        );
        const child = spawn(process.execPath, [process_, lab.systemFile, home, String(lowPort())], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        try {
          await until(async () => (await timeline.read({ prefix: "cluster/" })).length >= lab.nodes.length, "it looks");
          await lab.break("kill-primary");
          const planEvents = () => timeline.read({ prefix: "plan/" });
          await until(async () => (await planEvents()).some(({ kind }) => kind === "step.done"), "a plan is at work");
          child.kill("SIGSTOP");
          await until(async () => (await timeline.leaseState("cluster/ledger"))?.held === false, "its lease runs out");
          assert.equal((await listPlans(timeline))[0]?.state, "interrupted");
          child.kill("SIGCONT");
          await until(async () => (await listPlans(timeline))[0]?.state === "done", "the plan is done");
          assert.equal((await planEvents()).filter(({ kind }) => kind === "plan.resumed").length, 1);
          const said = () => timeline.read({ prefix: "incident/" });
          await until(async () => (await said()).some(({ kind }) => kind === "incident.plan-ended"), "it is said");
          const ended = (await said()).filter(({ kind }) => kind === "incident.plan-ended");
          assert.deepEqual(
            ended.map(({ data }) => (data as { outcome: string }).outcome),
            ["done"],
          );
          assert.equal(child.exitCode, null, "it runs still");
        } finally {
          child.kill("SIGCONT");
          child.kill("SIGKILL");
        }
      }),
    ));

  it("killed and started again, raises nothing twice, and clears what ended while it was down", () =>
    withLab({ standbys: [] }, (lab) =>
      withStore(async ({ timeline, home }) => {
        const system = await loadSystem(lab.systemFile);
        const node = lab.nodes[0]?.name as string;
        await withUp({ system, timeline, home }, async (_, port) => {
          await seen(port, 1);
          await lab.break("hang", node);
          await incidentOf(port, "open");
        });
        const before = (await listIncidents(timeline))[0];
        await withUp({ system, timeline, home }, async (_, port) => {
          await until(async () => {
            const { json } = await ask(port, "GET", "/api/findings");
            return json.findings.some(({ severity }: { severity: string }) => severity === "critical");
          }, "it is seen again");
          const [again, ...others] = await listIncidents(timeline);
          assert.deepEqual(others, []);
          assert.equal(again?.outages.length, before?.outages.length);
        });
        await wakeUp(system);
        await withUp({ system, timeline, home }, async (_, port) => {
          await incidentOf(port, "mitigated");
        });
      }),
    ));

  it("runs once on a home, and the second says who runs", () =>
    withStore(async ({ timeline, home }) => {
      await withUp({ system: nothing, timeline, home }, async () => {
        const second = startUp({ system: nothing, timeline, home, port: lowPort() });
        await assert.rejects(second, { code: "LEASE_HELD", message: new RegExp(String(process.pid)) });
      });
      await withUp({ system: nothing, timeline, home }, async () => undefined);
    }));

  it("says that the port is taken, and leaves nothing behind", () =>
    withStore(async ({ timeline, home }) => {
      const other = createServer();
      const port = lowPort();
      await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
      try {
        await assert.rejects(startUp({ system: nothing, timeline, home, port }), { code: "PORT_IN_USE" });
        assert.equal((await timeline.leaseState("up"))?.held, false);
      } finally {
        other.close();
      }
    }));

  it("keeps its token to itself, and uses it again", () =>
    withStore(async ({ timeline, home }) => {
      const tokens: string[] = [];
      for (let turn = 0; turn < 2; turn += 1)
        await withUp({ system: nothing, timeline, home }, async () => {
          tokens.push(await readFile(`${home}/token`, "utf8"));
          assert.equal((await stat(`${home}/token`)).mode & 0o777, 0o600);
        });
      assert.equal(tokens[0], tokens[1]);
      assert.ok((tokens[0] ?? "").trim().length >= 43);
    }));

  it("is well, and says so", () =>
    withStore(async ({ timeline, home }) => {
      await withUp({ system: nothing, timeline, home }, async (_, port) => {
        const { status, json } = await ask(port, "GET", "/healthz");
        assert.equal(status, 200, JSON.stringify(json));
      });
    }));

  it("ends on SIGTERM with its work put down, and a SIGKILL lets the next one start at once", () =>
    withFolder(async (home) => {
      const { writeFile } = await import("node:fs/promises");
      await writeFile(`${home}/blackstart.yaml`, "system: nothing\n");
      const first = await started(home);
      first.child.kill("SIGKILL");
      await first.exited;
      const second = await started(home);
      second.child.kill("SIGTERM");
      assert.equal(await second.exited, 0);
      assert.match(second.output(), /closed/);
    }));
});

/** SIGCONT to every process that the fault has halted. */
async function wakeUp(system: System): Promise<void> {
  const fleet = createFleet(system);
  for (const [cluster, { nodes }] of Object.entries(system.clusters))
    for (const node of Object.keys(nodes))
      for (const pid of (await (await fleet.instance(cluster, node))?.inspect())?.pids ?? [])
        process.kill(pid, "SIGCONT");
  await fleet.close();
}

async function started(home: string) {
  const child: ChildProcess = spawn(process.execPath, [process_, `${home}/blackstart.yaml`, home, String(lowPort())]);
  let output = "";
  child.stdout?.on("data", (part) => void (output += part));
  child.stderr?.on("data", (part) => void (output += part));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
      return output.includes("http://");
    }, "up is there");
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return { child, exited, output: () => output };
}
