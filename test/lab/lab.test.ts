import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import { observeNode } from "../../src/drivers/postgres/observe.ts";
import { cacheDirectory } from "../../src/lab/cache.ts";
import { createLab } from "../../src/lab/create.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { listLabs, openLab } from "../../src/lab/open.ts";
import { serverProcessesIn } from "../../src/lab/processes.ts";
import { proxyProcesses } from "../../src/lab/proxy/proxied.ts";
import { type LabRecord, readRecord, writeRecord } from "../../src/lab/record.ts";
import { loadSystem } from "../../src/system/load.ts";
import { withFolder } from "../support/folder.ts";
import { withLab } from "../support/lab.ts";
import { noPostgres, postgresVersions } from "../support/postgres-versions.ts";

for (const { title, binaries, skip } of postgresVersions) {
  describe(`a lab on ${title}`, { skip }, () => {
    test("has a primary, a synchronous and an asynchronous standby, and takes writes", () =>
      withLab({ binaries }, async (lab) => {
        const observation = await withConnection(urlOf(lab, "pg1"), {}, async (connection) => {
          await connection.query("create table t as select 1 as i");
          return observeNode(connection);
        });
        const standbys = observation.standbys.map(({ applicationName, syncState }) => [applicationName, syncState]);
        assert.deepEqual(standbys, [
          ["pg2", "sync"],
          ["pg3", "async"],
        ]);
        assert.equal(observation.settings.synchronousStandbyNames, "FIRST 1 (pg2)");
      }));

    test("leaves no process, no segment, no directory, no claim; and going down twice is no error", () =>
      withFolder(async (folder) => {
        chmodSync(folder, 0o755);
        const lab = await createLab({ binaries, home: folder, proxied: true, durable: false });
        const segments = segmentsOf(lab);
        const proxy = proxyProcesses(readRecord(lab.directory) as LabRecord)[0]?.pid;
        assert.equal(segments.length, 3);
        assert.ok(proxy);
        assert.ok(serverProcessesIn(lab.directory).length >= 9);
        await lab.break("kill-primary");
        const claims = lab.nodes.map(({ port }) => join(cacheDirectory(), "ports", String(port)));
        assert.ok(claims.every((claim) => existsSync(claim)));
        await lab.down();
        assert.ok(!claims.some((claim) => existsSync(claim)));
        assert.deepEqual(serverProcessesIn(lab.directory), []);
        assert.deepEqual(segments.filter(segmentExists), []);
        assert.deepEqual(readdirSync(folder), []);
        assert.ok(!existsSync(`/proc/${proxy}`) || readFileSync(`/proc/${proxy}/stat`, "utf8").includes(") Z "));
        await lab.down();
      }));
  });
}

describe("a lab", { skip: noPostgres }, () => {
  test("describes itself in a blackstart.yaml that passes its check, from a path with a space in it", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const home = join(folder, "a home, with 'quotes'");
      await withLab({ home, standbys: ["synchronous"] }, async (lab) => {
        const system = await loadSystem(lab.systemFile);
        const cluster = system.clusters.ledger;
        assert.equal(cluster?.synchronous, 1);
        assert.equal(cluster?.clients?.file, lab.addressFile);
        assert.deepEqual(Object.keys(cluster?.nodes ?? {}), ["pg1", "pg2"]);
        assert.equal(cluster?.nodes.pg2?.expendable, true);
        assert.equal(cluster?.nodes.pg2?.data, lab.node("pg2").dataDirectory);
        assert.equal(readFileSync(lab.addressFile, "utf8"), `127.0.0.1:${lab.node("pg1").port}\n`);
      });
    }));

  test("has data checksums, fsync as asked, and the settings that were given", () =>
    withLab({ durable: true, standbys: [], settings: { work_mem: "5MB" } }, async (lab) => {
      const settings = await withConnection(urlOf(lab, "pg1"), {}, (connection) =>
        connection.query<{ name: string; setting: string }>(
          "select name, setting from pg_settings where name in ('data_checksums', 'fsync', 'work_mem') order by 1",
        ),
      );
      assert.deepEqual(
        settings.map(({ setting }) => setting),
        ["on", "on", "5120"],
      );
    }));

  test("is found again by its name, also by another process, and refuses a second of the same name", () =>
    withLab({ name: "twice", standbys: [] }, async (lab) => {
      const home = join(lab.directory, "..");
      assert.equal((await openLab("twice", home)).node("pg1").port, lab.node("pg1").port);
      assert.deepEqual(
        (await listLabs(home)).map(({ name, state }) => [name, state]),
        [["twice", "running"]],
      );
      await assert.rejects(createLab({ name: "twice", home }), { code: "LAB_FAILED", message: /twice cannot be made/ });
      await assert.rejects(openLab("twise", home), { code: "UNKNOWN_NAME", message: /Did you mean “twice”/ });
      assert.throws(() => lab.node("pg7"), { code: "UNKNOWN_NAME" });
      // The refused one must not have touched the first.
      await withConnection(urlOf(lab, "pg1"), {}, (connection) => connection.query("select 1"));
    }));

  test("several made at once do not get into each other's way", async () => {
    const ports = await Promise.all(
      [1, 2, 3].map(() => withLab({ standbys: ["asynchronous"] }, async (lab) => lab.nodes.map(({ port }) => port))),
    );
    assert.equal(new Set(ports.flat()).size, 6);
    assert.ok(ports.flat().every((port) => port < 32768));
  });

  test("that cannot be made is cleared away, and the reason is the server's own", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      await assert.rejects(
        createLab({ home: folder, settings: { no_such_setting: "1" } }),
        (error: Error & { why: string }) => {
          assert.match(error.why, /no_such_setting/);
          return true;
        },
      );
      assert.deepEqual(readdirSync(folder), []);
      assert.deepEqual(serverProcessesIn(folder), []);
    }));

  test("whose maker was killed shows as half-made and can be taken down", () =>
    withLab({ standbys: [] }, async (lab) => {
      const record = readRecord(lab.directory);
      assert.ok(record);
      writeRecord({ ...record, state: "being-made", maker: { ...record.maker, startTime: "1" } });
      const home = join(lab.directory, "..");
      assert.equal((await listLabs(home))[0]?.state, "half-made");
      await (await openLab(lab.name, home)).down();
      assert.deepEqual(serverProcessesIn(lab.directory), []);
      assert.ok(!existsSync(lab.directory));
    }));

  test("in a home that is reached by a symbolic link is seen and ended like any other", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, "real"));
      symlinkSync("real", join(folder, "link"));
      const lab = await createLab({ home: join(folder, "link"), standbys: [], proxied: true, durable: false });
      assert.equal((await lab.status()).state, "running");
      await lab.down();
      assert.deepEqual(serverProcessesIn(folder), []);
      assert.deepEqual(readdirSync(join(folder, "real")), []);
    }));

  test("stops showing as running when its processes are gone, and a lost data directory does not hide them", () =>
    withLab({ standbys: ["asynchronous"] }, async (lab) => {
      const home = join(lab.directory, "..");
      await lab.break("kill-asynchronous");
      assert.equal((await listLabs(home))[0]?.state, "partly-running");
      rmSync(lab.node("pg1").dataDirectory, { recursive: true });
      await lab.down();
      assert.deepEqual(serverProcessesIn(lab.directory), []);
    }));

  test(
    "of root in a folder that only root may enter works all the same",
    { skip: process.getuid?.() !== 0 && "not root" },
    () =>
      withFolder(async (folder) => {
        const home = join(folder, "closed");
        mkdirSync(home, { mode: 0o700 });
        const lab = await createLab({ home, standbys: [], durable: false });
        const nodes = readRecord(lab.directory)?.nodesDirectory ?? "";
        try {
          assert.ok(!nodes.startsWith(home));
          await withConnection(urlOf(lab, "pg1"), {}, (connection) => connection.query("select 1"));
        } finally {
          await lab.down();
        }
        assert.ok(!existsSync(nodes));
        assert.deepEqual(readdirSync(home), []);
      }),
  );

  test("outlives the process that made it", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const program = `
        import { createLab } from ${JSON.stringify(new URL("../../src/lab/create.ts", import.meta.url).href)};
        await createLab({ name: "left", home: process.argv[1], standbys: ["synchronous"], proxied: true, durable: false });
        process.kill(process.pid, "SIGKILL");`;
      const args = ["--input-type=module", "--eval", program, folder];
      await promisify(execFile)(process.execPath, args).catch(() => undefined /* it kills itself */);
      const lab = await openLab("left", folder);
      try {
        await withConnection(urlOf(lab, "pg1"), {}, (connection) => connection.query("create table t (i int)"));
      } finally {
        await lab.down();
      }
      assert.deepEqual(readdirSync(folder), []);
    }));
});

function urlOf(lab: Lab, node: string): string {
  return lab.node(node).url;
}

function segmentsOf(lab: Lab): readonly string[] {
  return lab.nodes.map(({ dataDirectory }) => {
    const line = readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[6] ?? "";
    return line.trim().split(/\s+/)[1] ?? "";
  });
}

function segmentExists(id: string): boolean {
  return readFileSync("/proc/sysvipc/shm", "utf8")
    .split("\n")
    .some((line) => line.trim().split(/\s+/)[1] === id);
}

test("another user's lab is neither judged nor touched", { skip: process.getuid?.() !== 0 && "needs root" }, () =>
  withFolder(async (folder) => {
    chmodSync(folder, 0o777);
    const directory = join(folder, "theirs");
    mkdirSync(directory);
    const maker = { pid: 1, startTime: "0", boot: "" };
    writeRecord({
      format: 2,
      name: "theirs",
      state: "ready",
      maker,
      createdAt: "2026-11-20T03:07:12.345Z",
      directory,
      nodesDirectory: directory,
      binaries: "",
      version: "18",
      durable: true,
      ports: [],
      nodes: [],
      manager: { kind: "streaming", routes: [] },
    });
    process.seteuid?.(65534);
    try {
      const [lab] = await listLabs(folder);
      assert.deepEqual([lab?.state, lab?.abandoned], ["hidden", false]);
      const theirs = await openLab("theirs", folder);
      await assert.rejects(theirs.down(), /belongs to another user/);
    } finally {
      process.seteuid?.(0);
    }
    assert.ok(existsSync(directory));
  }),
);

test("what is left of a lab without its record is named as that", { skip: noPostgres }, () =>
  withFolder(async (folder) => {
    mkdirSync(join(folder, "ghost"));
    await assert.rejects(createLab({ name: "ghost", home: folder }), { why: /without a lab\.json that can be read/ });
    writeFileSync(join(folder, "ghost", "lab.json"), '{"format":2}');
    assert.deepEqual(await listLabs(folder), []);
  }),
);
