import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listLabs, openLab } from "../../../src/lab/open.ts";
import { adaptConfiguration } from "../../../src/lab/pacemaker/adapt.ts";
import { defaultConfiguration } from "../../../src/lab/pacemaker/default-configuration.ts";
import { identityFile, networkPart } from "../../../src/lab/pacemaker/places.ts";
import { identityOf, type ProcessIdentity } from "../../../src/lab/processes.ts";
import { type LabRecord, writeRecord } from "../../../src/lab/record.ts";
import { withFolder } from "../../support/folder.ts";

test("after the machine was started anew, a lab is stopped, and goes without touching whoever has its pids now", () =>
  withFolder(async (home) => {
    const self = identityOf(process.pid) as ProcessIdentity;
    const record = recordIn(home, { ...self, boot: "another" });
    // This process has the pid of everything that ran in the lab before.
    for (const part of [networkPart, ...record.nodes.map(({ name }) => name)])
      writeFileSync(identityFile(record, part), JSON.stringify({ ...self, boot: "another" }));
    const [status] = await listLabs(home);
    assert.equal(status?.state, "stopped");
    assert.deepEqual(
      status?.nodes.map(({ role, pids, inside, manager }) => [role, pids, inside, manager]),
      record.nodes.map(() => ["down", [], undefined, undefined]),
    );
    const lab = await openLab("old", home);
    await assert.rejects(lab.break("cut", "pg1"), {
      code: "NOT_POSSIBLE_NOW",
      message: "The host pg1 is switched off.",
    });
    await lab.down();
    assert.deepEqual(readdirSync(home), []);
  }));

function recordIn(home: string, maker: ProcessIdentity): LabRecord {
  const directory = join(home, "old");
  const { shape } = adaptConfiguration(defaultConfiguration(["pg1", "pg2"]), {
    source: "the test's",
    binaries: "/nowhere",
    agents: () => true,
  });
  const nodes = shape.nodes.map(({ name, role }) => {
    const dataDirectory = join(directory, name, "data");
    mkdirSync(dataDirectory, { recursive: true });
    const url = `postgres://blackstart@localhost/postgres?host=${join(directory, name)}`;
    return { name, role, port: 5432, serverPort: 5432, url, ownUrl: url, dataDirectory, logs: [] };
  });
  const record: LabRecord = {
    format: 2,
    name: "old",
    state: "ready",
    maker,
    createdAt: "2026-11-20T00:00:00.000Z",
    directory,
    nodesDirectory: directory,
    binaries: "/nowhere",
    version: "15.18",
    durable: true,
    ports: [],
    nodes,
    manager: { kind: "pacemaker", shape, replacements: [] },
  };
  writeRecord(record);
  assert.ok(existsSync(directory));
  return record;
}
