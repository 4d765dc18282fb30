import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { type Connection, withConnection } from "../../src/drivers/postgres/connection.ts";
import { cacheDirectory } from "../../src/lab/cache.ts";
import { createLab } from "../../src/lab/create.ts";
import type { Lab, LabOptions, ManagerName } from "../../src/lab/lab.ts";
import { managerNamed } from "../../src/lab/managers.ts";
import { listLabs, openLab } from "../../src/lab/open.ts";
import { readRecord } from "../../src/lab/record.ts";
import { loadSystem } from "../../src/system/load.ts";

/**
 * What every lab does, whoever manages it: the same suite for each, on a real one. One lab serves most of it, because
 * some take long to make; each test leaves it whole.
 */
export function conformance(
  manager: ManagerName,
  given: Readonly<{
    skip: string | false;
    options?: LabOptions;
    systemManager: string;
    /** Stopped behind its cut network, a primary writes a shutdown checkpoint that no other has: it has diverged. */
    nobodyRewinds?: true;
  }>,
): void {
  const { failsOver } = managerNamed(manager);
  describe(`a lab with ${manager}`, { skip: given.skip }, () => {
    let home = "";
    let lab: Lab;
    let acknowledged = 0;
    const options = () => ({ durable: false, ...given.options, manager, home });

    const write = async () => {
      const url = await lab.clientUrl();
      if (url === undefined) return undefined;
      return withConnection(url, { timeoutMs: 1500, queryTimeoutMs: 1500 }, async (connection) => {
        // One whose acknowledgement was lost may be there already.
        await connection.query("insert into kept values ($1) on conflict do nothing", [acknowledged]);
        acknowledged += 1;
        return startOf(connection);
      }).catch(() => undefined); // Not accepted; whether it should have been is for the test to say.
    };
    const whole = () =>
      until(
        "all nodes have a role again, by their own and the manager's account, as many of each kind as at first",
        async () => {
          const { nodes, state } = await lab.status();
          const kinds = (all: readonly string[]) => [...all].sort().join();
          const agreed = nodes.every((node) => node.manager === undefined || node.manager.role === node.role);
          return (
            agreed &&
            state === "running" &&
            kinds(nodes.map(({ role }) => role)) === kinds(lab.nodes.map(({ role }) => role))
          );
        },
      );
    const serverOf = (name: string) => withConnection(lab.node(name).url, {}, startOf);
    const primary = async () => {
      const found = (await lab.status()).nodes.find(({ role }) => role === "primary");
      assert.ok(found);
      return found.name;
    };

    before(async () => {
      home = makeHome();
      lab = await createLab({ ...options(), name: "conformance" });
      const url = await lab.clientUrl();
      assert.ok(url);
      await withConnection(url, {}, (connection) => connection.query("create table kept (i int primary key)"));
    });
    after(async () => {
      await lab?.down();
      rmSync(home, { recursive: true, force: true });
    });

    test("says what each node is, and writes a system file that passes its check", async () => {
      const status = await lab.status();
      assert.equal(status.state, "running");
      assert.equal(status.manager, manager);
      assert.deepEqual(
        status.nodes.map(({ role, madeAs }) => role === madeAs),
        lab.nodes.map(() => true),
      );
      assert.deepEqual(status.nodes.map(({ role }) => role).sort(), ["asynchronous", "primary", "synchronous"]);
      assert.ok(status.nodes.every(({ pids }) => pids.length > 3));
      assert.equal(
        status.nodes.every((node) => node.manager?.role === node.role),
        failsOver,
      );
      for (const file of lab.nodes.flatMap(({ logs }) => logs)) assert.ok(existsSync(file), file);
      const cluster = (await loadSystem(lab.systemFile)).clusters.ledger;
      assert.equal(cluster?.manager, given.systemManager);
      assert.equal(cluster?.synchronous, 1);
      assert.deepEqual(Object.keys(cluster?.nodes ?? {}), ["pg1", "pg2", "pg3"]);
    });

    test("takes writes where the clients look, and is found by another process", async () => {
      assert.equal(await write(), await serverOf(await primary()));
      const found = await openLab("conformance", home);
      assert.equal(await found.clientUrl(), await lab.clientUrl());
      // A manager may start programs at any moment.
      const lasting = async (of: Lab) => (await of.status()).nodes.map(({ pids: _, ...node }) => node);
      assert.deepEqual(await lasting(found), await lasting(lab));
    });

    test("whose name is taken is not made again, and is left as it is", async () => {
      await assert.rejects(createLab({ ...options(), name: "conformance" }), {
        code: "LAB_FAILED",
        why: /has this name/,
      });
      assert.ok(await write());
    });

    test("lets a standby's power be cut and come back", async () => {
      const standby = lab.nodes.find(({ role }) => role === "asynchronous")?.name as string;
      await lab.break("power-off", standby);
      const off = (await lab.status()).nodes.find(({ name }) => name === standby);
      assert.deepEqual([off?.role, off?.pids], ["down", []]);
      assert.ok(await write());
      await lab.heal("power-off", standby);
      await whole();
    });

    test(
      failsOver
        ? "accepts writes again after the primary was killed, without a hand"
        : "accepts no write after the primary was killed, until it is started",
      async () => {
        const killed = await primary();
        await lab.break("kill-primary");
        if (!failsOver) {
          assert.equal(await write(), undefined);
          assert.equal((await lab.status()).state, "partly-running");
          await lab.heal("kill-primary");
          assert.equal(await primary(), killed);
        }
        await until("a write is accepted", write);
        if (failsOver) await lab.heal("kill-primary");
        await whole();
      },
    );

    test("lets the primary's power be cut and come back", async () => {
      const off = await primary();
      const server = await serverOf(off);
      await lab.break("power-off");
      assert.equal((await lab.status()).nodes.find(({ name }) => name === off)?.role, "down");
      if (failsOver) assert.notEqual(await until("another takes writes", write), server);
      else assert.equal(await write(), undefined);
      await lab.heal("power-off");
      await whole();
      assert.ok(await until("a write is accepted", write));
    });

    test("lets the primary's network be cut and come back", async () => {
      const cut = await primary();
      const server = await serverOf(cut);
      await lab.break("cut", cut);
      if (failsOver) assert.notEqual(await until("another takes writes", write), server);
      else assert.equal(await write(), undefined);
      const nodeThen = async () => (await lab.status()).nodes.find(({ name }) => name === cut);
      assert.notDeepEqual((await nodeThen())?.pids, []);
      await lab.heal("cut");
      if (given.nobodyRewinds)
        await until("it is a standby", async () => (await nodeThen())?.manager?.role === "standby");
      else await whole();
      assert.ok(await until("a write is accepted", write));
    });

    test("has every write that it acknowledged", async () => {
      const rows = await withConnection((await lab.clientUrl()) as string, {}, (connection) =>
        connection.query<{ count: number }>("select count(*)::int as count from kept where i < $1", [acknowledged]),
      );
      assert.deepEqual(rows, [{ count: acknowledged }]);
    });

    test("whose maker was killed half-way can be taken down", async () => {
      const elsewhere = makeHome();
      try {
        await killedWhileMaking({ ...options(), home: elsewhere, name: "half" });
        assert.equal((await listLabs(elsewhere))[0]?.state, "half-made");
        const half = await openLab("half", elsewhere);
        await half.down();
        assert.deepEqual(residue(elsewhere, half), []);
      } finally {
        rmSync(elsewhere, { recursive: true, force: true });
      }
    });

    test("goes down without a residue, also with a node off and one hung", async () => {
      await lab.break("power-off", "pg3");
      await lab.break("hang", "pg1");
      const segments = segmentsOf(lab);
      await lab.down();
      assert.deepEqual(residue(home, lab), []);
      assert.deepEqual(segments.filter(segmentExists), []);
      await lab.down();
    });
  });
}

/** By its start a server is told from every other, whichever way leads to it. */
async function startOf(connection: Connection): Promise<string> {
  const [row] = await connection.query<{ start: string }>("select pg_postmaster_start_time()::text as start");
  return row?.start ?? "";
}

/** A folder that the account of the servers can enter. */
function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), "blackstart-conformance-"));
  chmodSync(home, 0o755);
  return home;
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const answer = await pollUntil(async () => (await ask()) || undefined, { everyMs: 50, timeoutMs: 120_000 });
  assert.ok(answer, `within two minutes it did not come about that ${what}`);
  return answer;
}

/** Returns when a process has been killed that was making this lab, after the first of the lab's own processes. */
async function killedWhileMaking(options: LabOptions & { home: string; name: string }): Promise<void> {
  const program = `
    import { createLab } from ${JSON.stringify(new URL("../../src/lab/create.ts", import.meta.url).href)};
    await createLab(JSON.parse(process.argv[1]));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program];
  const maker: ChildProcess = spawn(process.execPath, [...args, JSON.stringify(options)], { stdio: "ignore" });
  const ended = new Promise((resolve) => maker.once("exit", resolve));
  try {
    await until("it has started something", async () => {
      const record = readRecord(join(options.home, options.name));
      if (record === undefined) return undefined;
      const manager = managerNamed(record.manager.kind);
      const started = record.nodes.flatMap((node) => manager.processesOf(record, node));
      return [...started, ...manager.sharedProcesses(record)].length > 0;
    });
    assert.equal(readRecord(join(options.home, options.name))?.state, "being-made");
  } finally {
    maker.kill("SIGKILL");
    await ended;
  }
}

/** What is left of a lab: files, claims on ports, processes that stand in its folder or were started with it as an argument. */
function residue(home: string, lab: Lab): readonly string[] {
  const claims = lab.nodes.map(({ port }) => join(cacheDirectory(), "ports", String(port)));
  return [
    ...readdirSync(home),
    ...claims.filter((claim) => existsSync(claim)),
    ...readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && mentions(pid, home)),
  ];
}

function mentions(pid: string, folder: string): boolean {
  try {
    if (readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")) return false;
    return (
      readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ||
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder)
    );
  } catch {
    return false; // It is gone, or not ours to see.
  }
}

function segmentsOf(lab: Lab): readonly string[] {
  return lab.nodes.flatMap(({ dataDirectory }) => {
    const file = join(dataDirectory, "postmaster.pid");
    const line = existsSync(file) ? readFileSync(file, "utf8").split("\n")[6] : undefined;
    return line === undefined ? [] : [line.trim().split(/\s+/)[1] ?? ""];
  });
}

function segmentExists(id: string): boolean {
  return readFileSync("/proc/sysvipc/shm", "utf8")
    .split("\n")
    .some((line) => line.trim().split(/\s+/)[1] === id);
}
