import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { hasWalBug } from "../../src/timeline/sqlite/open.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { event, fails } from "./conformance.ts";

test("the file is for its owner only, and so is a folder made for it", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "new", "deep", "timeline.db");
    const timeline = await openSqliteTimeline(file);
    await timeline.append("a", 0, [event("1")]);
    const mode = (path: string): number => statSync(path).mode & 0o777;
    assert.deepEqual([file, `${file}-wal`, `${file}-shm`].map(mode), [0o600, 0o600, 0o600]);
    assert.deepEqual([join(folder, "new"), join(folder, "new", "deep")].map(mode), [0o700, 0o700]);
    await timeline.close();
  });
});

test("what is not a timeline is refused and left as it was", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "other.db");
    const refused = async (bytes: Buffer): Promise<void> => {
      writeFileSync(file, bytes);
      const error = await fails("STORE_UNUSABLE", openSqliteTimeline(file));
      assert.ok(error.next !== "" && error.message.includes(file));
      assert.deepEqual(readFileSync(file), bytes);
    };
    await refused(Buffer.from("not a database at all, but somebody's notes\n".repeat(100)));
    await refused(databaseWith(folder, "create table theirs (id integer)"));
    await refused(
      databaseWith(
        folder,
        "create table theirs (id integer); pragma application_id = 1112298323; pragma user_version = 99",
      ),
    );
  });
});

function databaseWith(folder: string, sql: string): Buffer {
  const path = join(folder, `made-${Math.random()}`);
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
  return readFileSync(path);
}

test("a damaged page is a clear error, on reading and on writing", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const before = await openSqliteTimeline(file);
    for (let n = 0; n < 50; n += 1) await before.append("a", n, [event("x".repeat(500))]);
    await before.close();
    const bytes = readFileSync(file);
    // The first quarter holds the schema, without which it does not even open.
    bytes.fill(0xff, Math.floor(bytes.length / 4));
    writeFileSync(file, bytes);
    const after = await openSqliteTimeline(file);
    await fails("STORE_UNUSABLE", after.read());
    await fails("STORE_UNUSABLE", after.append("a", "any", [event("1")]));
    await after.close();
    assert.equal(readFileSync(file).length, bytes.length);
  });
});

test("a user without the right to write gets told so", {
  skip: process.getuid?.() !== 0 && "only root can become another user",
}, async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const timeline = await openSqliteTimeline(file);
    await timeline.append("a", 0, [event("1")]);
    chmodSync(folder, 0o755);
    chmodSync(file, 0o644);
    chownSync(file, 0, 0);
    const script = `import("${join(import.meta.dirname, "../../src/timeline/sqlite/store.ts")}")
      .then((store) => store.openSqliteTimeline(${JSON.stringify(file)}))
      .then(() => console.log("opened"), (error) => console.log(error.code, "|", error.next));`;
    const asNobody = spawnSync(process.execPath, ["-e", script], {
      uid: 65534,
      gid: 65534,
      encoding: "utf8",
      cwd: "/",
    });
    assert.match(asNobody.stdout, /^STORE_UNUSABLE \| .*owner/, asNobody.stderr);
    await timeline.close();
  });
});

test("when the file stays locked, every append of the batch fails, and later ones work", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const timeline = await openSqliteTimeline(file, { busyTimeoutMs: 20 });
    await timeline.append("a", 0, [event("1")]);
    const other = new DatabaseSync(file);
    other.exec("begin immediate");
    const batch = ["a", "b", "c"].map((stream) =>
      fails("STORE_UNUSABLE", timeline.append(stream, "any", [event("x")])),
    );
    for (const error of await Promise.all(batch)) assert.match(error.why, /locked/);
    other.exec("rollback");
    other.close();
    await timeline.append("a", 1, [event("2")]);
    assert.equal((await timeline.read()).length, 2);
    await timeline.close();
  });
});

test("when the disk is full, the append fails and nothing of it is there", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    // A limit on the size of files stands for the full disk: the write fails half-way.
    const child = spawnSync(
      "bash",
      ["-c", `ulimit -f 200; exec "$0" "$@"`, process.execPath, join(import.meta.dirname, "filler.ts"), file],
      { encoding: "utf8" },
    );
    assert.equal(child.status, 0, child.stderr);
    const { acknowledged, error } = JSON.parse(child.stdout) as { acknowledged: number; error: { code: string } };
    assert.equal(error.code, "STORE_UNUSABLE");
    assert.ok(acknowledged > 0);
    const timeline = await openSqliteTimeline(file);
    assert.equal((await timeline.read()).length, acknowledged);
    await timeline.append("a", "any", [event("there is room again")]);
    await timeline.close();
  });
});

test("events cannot be changed or removed, not even by hand", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const timeline = await openSqliteTimeline(file);
    await timeline.append("a", 0, [event("1")]);
    const database = new DatabaseSync(file);
    assert.throws(() => database.exec("update events set by = 'somebody else'"), /never changed/);
    assert.throws(() => database.exec("delete from events"), /never deleted/);
    database.close();
    await timeline.close();
  });
});

test("SQLite versions that can corrupt a WAL are told from those that cannot", () => {
  const verdicts = {
    "3.6.23": false,
    "3.7.0": true,
    "3.50.4": true,
    "3.51.2": true,
    "3.51.3": false,
    "3.53.4": false,
    "4.0.0": false,
  };
  for (const [version, bad] of Object.entries(verdicts)) assert.equal(hasWalBug(version), bad, version);
});

test("a lease does not outlive the boot of its holder", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const timeline = await openSqliteTimeline(file);
    const lease = await timeline.lease("cluster/ledger", 60_000);
    changeByHand(file, "update leases set process = json_set(process, '$.boot', 'the boot before')");
    assert.equal((await timeline.leaseState("cluster/ledger"))?.held, false);
    assert.equal((await timeline.lease("cluster/ledger", 60_000))?.token, (lease?.token ?? 0) + 1);
    await timeline.close();
  });
});

test("a timeline of version 1 is taken over: a lease that is held stays so, one that has ended does not", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const before = await openSqliteTimeline(file);
    await before.append("a", 0, [event("1")]);
    for (const name of ["held", "wrong clock", "ended"]) await before.lease(name, 1_000);
    await before.close();
    changeByHand(
      file,
      `alter table leases rename column until_ms to expires_ms;
       update leases set expires_ms = case name when 'ended' then 0 when 'held' then ${Date.now() + 30_000} else 9e15 end;
       pragma user_version = 1`,
    );
    const timeline = await openSqliteTimeline(file);
    const again = await openSqliteTimeline(file);
    assert.equal((await timeline.read()).length, 1);
    assert.equal((await again.leaseState("held"))?.held, true);
    assert.ok(((await timeline.leaseState("wrong clock"))?.leftMs ?? 0) <= 60_000);
    assert.equal((await timeline.leaseState("ended"))?.held, false);
    assert.equal((await timeline.lease("ended", 1_000))?.token, 2);
    await timeline.close();
    await again.close();
  });
});

function changeByHand(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}
