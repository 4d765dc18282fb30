import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createFleet } from "../../../src/drivers/fleet.ts";
import { connect, withConnection } from "../../../src/drivers/postgres/connection.ts";
import { connectRedis } from "../../../src/drivers/redis/cache.ts";
import { listProcesses, signalProcesses } from "../../../src/drivers/postgres/instance/processes.ts";
import { sshHost } from "../../../src/drivers/host/ssh.ts";
import { withRoles } from "../../../src/lab/faults/process-roles.ts";
import { noSshServer, startSshServer } from "../../support/ssh-server.ts";
import { breakExpendable, healExpendable } from "../../../src/lab/break-expendable.ts";
import { openLab } from "../../../src/lab/open.ts";
import { serverProcessesIn } from "../../../src/lab/processes.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { findRedis, startRedis } from "../../../src/lab/redis.ts";
import { loadSystem } from "../../../src/system/load.ts";
import { withFolder } from "../../support/folder.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { commandLine } from "../../cli/command-line.ts";
import { logOf, sharedLab, until } from "./support.ts";

const noSsh = await noSshServer();

describe("a system's node", { skip: noPostgres }, () => {
  const shared = noPostgres === false ? sharedLab({ standbys: ["asynchronous"] }) : undefined;
  const using = (use: (lab: Lab, faults: Faults) => Promise<void>) => async () => {
    const lab = (shared as () => Lab)();
    await withSystem(await readFile(lab.systemFile, "utf8"), (faults) => use(lab, faults));
  };

  test(
    "that is expendable is broken through its host, one process of it or all; and started again",
    using(async (lab, faults) => {
      const held = await connect(lab.node("pg1").url);
      const closed = new Promise((resolve) => held.onClosed(resolve));
      const { done } = await faults.break("abort", "ledger/pg1.checkpointer");
      assert.match(done, /SIGABRT to the checkpointer of ledger\/pg1 \(\d+\)/);
      await closed;
      await until(() => /checkpointer.* was terminated by signal 6/.test(logOf(lab, "pg1")));
      await until(() => answers(lab));

      await faults.break("stop", "pg1.walwriter");
      const stopped = serverProcessesIn(lab.node("pg1").dataDirectory).filter(({ state }) => state === "T");
      assert.equal(stopped.length, 1);
      await faults.heal("stop", "pg1");
      assert.ok(serverProcessesIn(lab.node("pg1").dataDirectory).every(({ state }) => state !== "T"));

      await faults.break("kill-primary", "ledger/pg1");
      assert.deepEqual(serverProcessesIn(lab.node("pg1").dataDirectory), []);
      assert.match((await faults.heal("kill", "ledger/pg1")).done, /^Started ledger\/pg1/);
      assert.ok(await answers(lab));
    }),
  );

  test(
    "is broken by SQL; disks, networks and files of a system are refused, and so is what nobody named",
    using(async (lab, faults) => {
      await faults.break("sql", "pg1", {
        statement: "create table seen ()",
        expect: "select to_regclass('seen') is not null",
      });
      for (const fault of ["cut", "disk-full", "power-loss", "corrupt-page", "wal-damage", "power-off"])
        await assert.rejects(faults.break(fault, "ledger/pg1", fault === "corrupt-page" ? { relation: "seen" } : {}), {
          code: "REFUSED",
          next: /lab up/,
        });
      await assert.rejects(faults.break("kill-primary", undefined), { code: "USAGE" });
      await assert.rejects(faults.break("kill", "pg9.all"), { code: "UNKNOWN_NAME" });
      await assert.rejects(faults.break("kill", "pg1.walsendr"), { code: "UNKNOWN_NAME", message: /“walsender”/ });
      assert.ok(await answers(lab));
    }),
  );

  test(
    "has its processes listed and signalled over ssh as on this machine, and a later one of the same pid is spared",
    { skip: noSsh },
    using(async (lab) => {
      const server = await startSshServer();
      const host = sshHost(server.reference, { clientOptions: server.clientOptions });
      try {
        const { dataDirectory } = lab.node("pg2");
        const there = withRoles(await listProcesses(host, dataDirectory));
        assert.deepEqual(
          there.map(({ pid }) => pid).sort(),
          serverProcessesIn(dataDirectory)
            .map(({ pid }) => pid)
            .sort(),
        );
        const receiver = there.filter(({ role }) => role === "walreceiver");
        assert.equal(receiver.length, 1);
        const stateOf = async () =>
          (await listProcesses(host, dataDirectory)).find(({ pid }) => pid === receiver[0]?.pid)?.state;
        await signalProcesses(
          host,
          receiver.map(({ pid }) => ({ pid, started: "1" })),
          "STOP",
        );
        assert.notEqual(await stateOf(), "T");
        await signalProcesses(host, receiver, "STOP");
        assert.equal(await stateOf(), "T");
        await signalProcesses(host, receiver, "CONT");
        assert.notEqual(await stateOf(), "T");
      } finally {
        await host.close();
        await server.stop();
      }
    }),
  );

  test("that is not declared expendable is refused, with exit code 3, whatever the fault", () =>
    withFolder(async (folder) => {
      const lab = (shared as () => Lab)();
      const file = join(folder, "blackstart.yaml");
      await writeFile(file, (await readFile(lab.systemFile, "utf8")).replaceAll("        expendable: true\n", ""));
      const before = serverProcessesIn(lab.node("pg1").dataDirectory).map(({ pid }) => pid);
      const { run } = commandLine(folder);
      for (const args of [
        ["kill", "--on", "ledger/pg1"],
        ["hang", "--on", "pg1"],
        ["sql", "--on", "pg1", "--with", "statement=create table lost ()"],
        ["two-primaries", "--on", "pg2"],
      ]) {
        const { code, stderr } = await run("lab", "break", ...args, "--file", file);
        assert.equal(code, 3, stderr);
        assert.match(stderr, /does not declare it expendable/);
      }
      assert.deepEqual(
        serverProcessesIn(lab.node("pg1").dataDirectory).map(({ pid }) => pid),
        before,
      );
    }));

  test("is not reached by a lab's record that names another's data directory", () =>
    withFolder(async (folder) => {
      const lab = (shared as () => Lab)();
      await cp(join(lab.directory, "lab.json"), join(folder, "stolen", "lab.json"), { recursive: true });
      const record = JSON.parse(await readFile(join(folder, "stolen", "lab.json"), "utf8"));
      for (const forged of [
        { ...record, directory: join(folder, "stolen") },
        { ...record, directory: join(folder, "stolen"), nodesDirectory: join(folder, "stolen") },
        { ...record, directory: join(lab.directory, "pg1"), nodesDirectory: join(lab.directory, "pg1") },
        { ...record, name: "stolen" },
      ]) {
        await writeFile(join(folder, "stolen", "lab.json"), JSON.stringify(forged));
        await assert.rejects(openLab("stolen", folder), { code: "UNKNOWN_NAME" });
      }
      assert.ok(await answers(lab));
    }));
});

const redis = await findRedis();

test(
  "the keys of a pattern expire together, and only where the cache is expendable",
  { skip: redis === undefined && "no redis-server" },
  () =>
    withFolder(async (folder) => {
      const server = await startRedis(redis as string, folder);
      try {
        const file = (expendable: boolean) =>
          `system: s\ncaches: { sessions: { redis: "${server.url}", expendable: ${expendable} } }\n`;
        const cache = await connectRedis(server.url);
        await fill(server.url, 1500);
        await withSystem(file(false), async (faults) => {
          await assert.rejects(faults.break("expire-keys", "sessions", { pattern: "*" }), { code: "REFUSED" });
        });
        await withSystem(file(true), async (faults) => {
          const { done } = await faults.break("expire-keys", "sessions", { pattern: "session:*", inSeconds: "600" });
          assert.match(done, /^Let 1500 keys of sessions/);
          const keys = Array.from({ length: 1500 }, (_, n) => `session:${n}`);
          const left = await cache.ttlsMs(keys);
          assert.ok(left.every((ms) => ms > 0 && ms <= 600_000));
          assert.ok(Math.max(...left) - Math.min(...left) < 1000, "they do not expire at the same moment");
          assert.deepEqual(await cache.ttlsMs(["other"]), [-1]);
          await faults.break("expire-keys", "sessions", { pattern: "session:*" });
          assert.ok((await cache.ttlsMs(keys)).every((ms) => ms === -2));
          await assert.rejects(faults.break("expire-keys", "sessions", { pattern: "session:*" }), {
            code: "NOT_POSSIBLE_NOW",
          });
          await assert.rejects(faults.heal("expire-keys", "sessions"), { code: "NOT_POSSIBLE_NOW" });
        });
        await cache.close();
      } finally {
        await server.stop();
      }
    }),
);

type Faults = Readonly<{
  break(fault: string, target: string | undefined, given?: Record<string, string>): ReturnType<typeof breakExpendable>;
  heal(fault: string, target: string): ReturnType<typeof healExpendable>;
}>;

async function withSystem(yaml: string, use: (faults: Faults) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "blackstart.yaml"), yaml);
    const system = await loadSystem(join(folder, "blackstart.yaml"), {});
    const fleet = createFleet(system);
    try {
      await use({
        break: (fault, target, given = {}) => breakExpendable(system, fleet, fault, target, given),
        heal: (fault, target) => healExpendable(system, fleet, fault, target),
      });
    } finally {
      await fleet.close();
    }
  });
}

function answers(lab: Lab): Promise<boolean> {
  return withConnection(lab.node("pg1").url, { timeoutMs: 1000 }, (connection) => connection.query("select 1")).then(
    () => true,
    () => false,
  );
}

async function fill(url: string, count: number): Promise<void> {
  const { createClient } = await import("redis");
  const client = createClient({ url });
  await client.connect();
  for (let n = 0; n < count; n++) await client.set(`session:${n}`, "x");
  await client.set("other", "x");
  client.destroy();
}
