import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { describe, test } from "node:test";
import { connect, withConnection } from "../../../src/drivers/postgres/connection.ts";
import { createLab } from "../../../src/lab/create.ts";
import { openLab } from "../../../src/lab/open.ts";
import { dirname } from "node:path";
import type { Lab } from "../../../src/lab/lab.ts";
import { serverProcessesIn } from "../../../src/lab/processes.ts";
import { withFolder } from "../../support/folder.ts";
import { withLab } from "../../support/lab.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";
import { logOf, sharedLab, until } from "./support.ts";

const noDisks = whyNoDisks();
/** A crash recovery syncs the data directory file by file by default, which a busy disk makes long. */
const settings = { recovery_init_sync_method: "syncfs" };

test(
  "without disks of its own a node has none that fail, and it is said how to come by them",
  { skip: postgresVersions[1]?.skip },
  () =>
    withLab({ standbys: [] }, async (lab) => {
      for (const fault of ["disk-read-only", "disk-failing", "disk-full", "power-loss"])
        await assert.rejects(lab.break(fault), { code: "NOT_POSSIBLE_NOW", next: /lab up --disks/ });
      assert.equal((await query(lab, "select 1")).length, 1);
    }),
);

for (const { title, binaries, skip } of postgresVersions)
  describe(`a disk that fails, with ${title}`, { skip: skip || noDisks }, () => {
    const shared =
      skip === false && noDisks === false
        ? sharedLab({ binaries, standbys: [], disks: true, durable: true, settings })
        : undefined;
    const using = (use: (lab: Lab) => Promise<void>) => () => use((shared as () => Lab)());

    test(
      "read-only, the server panics at its next write; healed, it is back",
      using(async (lab) => {
        await query(lab, "create table kept as select 1 as one");
        const held = await connect(lab.node("pg1").url);
        await lab.break("disk-read-only");
        await assert.rejects(held.query("insert into kept values (2)"));
        await until(() => isDown(lab));
        assert.match(logOf(lab, "pg1"), /PANIC: .*: Read-only file system/);
        await lab.heal("disk-read-only");
        assert.deepEqual(await query(lab, "select * from kept"), [{ one: 1 }]);
      }),
    );

    test(
      "failing, writes answer with an input/output error; healed, it is back",
      using(async (lab) => {
        await lab.break("disk-failing", "pg1", { of: "wal" });
        await assert.rejects(query(lab, "create table lost ()"));
        await until(() => /PANIC: .*pg_wal.*: Input\/output error/.test(logOf(lab, "pg1")));
        const refuses = () =>
          query(lab, "select 1").then(
            () => false,
            () => true,
          );
        await until(refuses);
        await lab.heal("disk-failing");
        await query(lab, "create table found ()");
      }),
    );

    test(
      "is healed also while another mount namespace has a copy of its mount",
      using(async (lab) => {
        const other = spawn("unshare", ["-m", "sleep", "600"]);
        try {
          const copies = () => readFileSync(`/proc/${other.pid}/mountinfo`, "utf8").includes(lab.directory);
          await until(
            () => readlinkSync(`/proc/${other.pid}/ns/mnt`) !== readlinkSync("/proc/self/ns/mnt") && copies(),
          );
          await lab.break("disk-read-only", "primary", { of: "data" });
          await lab.heal("disk-read-only");
          await query(lab, "create table again ()");
          assert.ok(!copies());
        } finally {
          other.kill("SIGKILL");
        }
      }),
    );

    test(
      "full for data, an insert is refused and the server lives; healed, it has room",
      using(async (lab) => {
        await query(lab, "create table big (text text)");
        await lab.break("disk-full", "primary", { of: "data" });
        const insert = "insert into big select repeat('x', 1000) from generate_series(1, 1000)";
        await assert.rejects(query(lab, insert), { code: "QUERY_FAILED", details: { sqlstate: "53100" } });
        assert.equal((await query(lab, "select 1")).length, 1);
        await lab.heal("disk-full");
        await query(lab, insert);
      }),
    );

    test(
      "full for the log, the server panics and cannot start; healed, it starts with all it had acknowledged",
      using(async (lab) => {
        await query(lab, "create table counted (n int, text text)");
        await lab.break("disk-full", "primary", { of: "wal" });
        // A third of a megabyte each, compressed or not.
        let acknowledged = 0;
        for (let n = 1; n <= 100; n++) {
          const done = await query(
            lab,
            "insert into counted select $1, string_agg(md5(random()::text), '') from generate_series(1, 10000)",
            [n],
          ).then(
            () => true,
            () => false,
          );
          if (!done) break;
          acknowledged = n;
        }
        await until(() => /PANIC: .*pg_wal.*: No space left on device/.test(logOf(lab, "pg1")));
        await lab.heal("disk-full");
        const [row] = await query(lab, "select max(n) as most from counted");
        assert.ok(Number(row?.most ?? 0) >= acknowledged, `${row?.most} of ${acknowledged}`);
      }),
    );
  });

test("who fails over puts its servers on no disks of ours, and says so before anything is made", () =>
  assert.rejects(createLab({ manager: "patroni", disks: true }), { code: "USAGE", next: /--disks/ }));

describe("a power loss", { skip: postgresVersions[1]?.skip || noDisks }, () => {
  const options = { standbys: [], disks: true, settings, binaries: postgresVersions[1]?.binaries as string };
  for (const [durable, kept] of [
    [true, 1],
    [false, 0],
  ] as const)
    test(`${durable ? "keeps" : "loses"} what was acknowledged ${durable ? "with" : "without"} fsync`, () =>
      withLab({ ...options, durable }, async (lab) => {
        await query(lab, "create table acknowledged (n int)");
        await query(lab, "checkpoint");
        for (const folder of [lab.node("pg1").dataDirectory, `${dirname(lab.node("pg1").dataDirectory)}.wal`])
          execFileSync("sync", ["-f", folder]);
        await query(lab, "insert into acknowledged values (1)");
        await lab.break("power-loss");
        assert.ok(isDown(lab));
        await lab.heal("power-loss");
        assert.equal((await query(lab, "select * from acknowledged")).length, kept);
      }));

  test("of a lab whose maker was killed between its disks nothing is left by `down`", () =>
    withFolder(async (home) => {
      await chmod(home, 0o755);
      const make = `
        import { createLab } from ${JSON.stringify(import.meta.resolve("../../../src/lab/create.ts"))};
        await createLab(JSON.parse(process.argv[1]));`;
      const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", make];
      const maker = spawn(process.execPath, [...args, JSON.stringify({ ...options, home, name: "half" })]);
      const ended = new Promise((resolve) => maker.once("exit", resolve));
      await until(() => traces(home).length > 0);
      maker.kill("SIGKILL");
      await ended;
      await (await openLab("half", home)).down();
      await until(() => traces(home).length === 0); // Loop devices go a moment after their mount.
      assert.deepEqual(readdirSync(home), []);
    }));

  test("of a failing disk nothing is left by `down`", () =>
    withLab(options, async (lab) => {
      assert.equal((await lab.heal("disk-full")).done, "No disk is broken.");
      await lab.break("disk-failing");
      await (await openLab(lab.name, dirname(lab.directory))).down();
      await until(() => traces(lab.directory).length === 0);
    }));
});

/** The mounts and loop devices that belong to what lies in this folder. */
function traces(folder: string): readonly string[] {
  const loops = execFileSync("losetup", ["-a"], { encoding: "utf8" });
  return `${readFileSync("/proc/self/mountinfo", "utf8")}${loops}`.split("\n").filter((line) => line.includes(folder));
}

function isDown(lab: Lab): boolean {
  return serverProcessesIn(lab.node("pg1").dataDirectory).length === 0;
}

function query(lab: Lab, text: string, values?: unknown[]) {
  return withConnection(lab.node("pg1").url, { timeoutMs: 2000, queryTimeoutMs: 10_000 }, (connection) =>
    connection.query(text, values),
  );
}

function whyNoDisks(): string | false {
  if (process.getuid?.() !== 0) return "only root may make and mount disks";
  try {
    execFileSync("losetup", ["-f"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no loop device can be had here: ${(error as Error).message}`;
  }
}
