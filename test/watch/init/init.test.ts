import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { loadSystem, parseSystem } from "../../../src/system/load.ts";
import { saveSystemFile } from "../../../src/system/write.ts";
import { initFile } from "../../../src/watch/init.ts";
import { withFolder } from "../../support/folder.ts";
import { withLab } from "../../support/lab.ts";

test("a real cluster of three is written down and read again", () =>
  withLab({}, async (lab) => {
    const given = await loadSystem(lab.systemFile);
    const { text, notes } = await initFile(lab.nodes.map(({ url }) => url));
    const { clusters } = parseSystem(text, { path: "written", environment: {} });
    const [cluster] = Object.values(clusters);
    const [labCluster] = Object.values(given.clusters);
    assert.equal(cluster?.synchronous, labCluster?.synchronous);
    for (const [name, node] of Object.entries(labCluster?.nodes ?? {})) {
      assert.equal(cluster?.nodes[name]?.url, node.url);
      assert.equal(cluster?.nodes[name]?.data, node.data);
      assert.equal(cluster?.nodes[name]?.host, "local:");
      assert.equal(cluster?.nodes[name]?.expendable, false, "a server that was only asked is never expendable");
    }
    assert.deepEqual(notes, []);

    // From a standby alone the primary is found; the other's port nobody tells, and that is said.
    const standby = lab.nodes.find(({ role }) => role === "asynchronous");
    const fromStandby = await initFile([standby?.url ?? ""]);
    assert.match(fromStandby.text, /The primary when this was written/);
    assert.ok(
      fromStandby.notes.some((note) => /port is not known/.test(note)),
      fromStandby.notes.join("\n"),
    );

    // Somebody who may see little gets a file with the doubts in it, and no password.
    await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create role nobody_much login"));
    const little = new URL(lab.node("pg1").url);
    little.username = "nobody_much";
    little.password = "hunter2";
    const seen = await initFile([little.href]);
    assert.match(seen.text, /nobody_much:\$\{PGPASSWORD\}@/);
    assert.match(seen.notes.join("\n"), /grant pg_monitor to nobody_much/);
    assert.ok(!JSON.stringify(seen).includes("hunter2"));
  }));

test("a server that does not answer is UNREACHABLE, without its password", async () => {
  await assert.rejects(initFile(["postgres://u:hunter2@127.0.0.1:1/d"]), (error: Error & { code?: string }) => {
    assert.equal(error.code, "UNREACHABLE");
    assert.ok(!JSON.stringify([error.message, error]).includes("hunter2"));
    return true;
  });
});

test("what is no url is refused, without its password", async () => {
  for (const url of ["10.0.0.1", "mysql://u:hunter2@h/d", "postgres://u:hun/ter2@h/d", "host=h password=hunter2"])
    await assert.rejects(initFile([url]), (error: Error & { code?: string }) => {
      assert.equal(error.code, "USAGE");
      assert.ok(!/hunter2|ter2/.test(error.message), error.message);
      return true;
    });
});

test("a file that is there stays as it is, unless force is given", () =>
  withFolder(async (folder) => {
    const path = join(folder, "blackstart.yaml");
    await writeFile(path, "mine");
    await assert.rejects(saveSystemFile(path, "new", false), { code: "USAGE" });
    assert.equal(await readFile(path, "utf8"), "mine");
    await saveSystemFile(path, "new", true);
    assert.equal(await readFile(path, "utf8"), "new");
    await assert.rejects(saveSystemFile(join(folder, "none", "x.yaml"), "new", false), { code: "USAGE" });
  }));
