import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { recordsIn } from "../../../src/lab/open.ts";
import { serverProcessesIn } from "../../../src/lab/processes.ts";
import { withFolder } from "../../support/folder.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { commandLine } from "../command-line.ts";

const scenario = `
scenario: long
cluster: { standbys: [], durable: true }
before: [{ sql: select pg_sleep(25) }]
factors: [{ id: any, sql: select 1 }]
symptom: { lost-writes: true }`;

test("the lab of a trial whose search was killed is seen, and taken down with the others", { skip: noPostgres }, () =>
  withFolder(async (folder) => {
    await chmod(folder, 0o755);
    await writeFile(join(folder, "long.yaml"), scenario);
    const { start, run } = commandLine(folder);
    const labs = join(folder, "home", "reproductions", "long", "labs");
    const child = start("reproduce", "run", "long.yaml");
    const exited = once(child, "exit");
    const isReady = async () => (recordsIn(labs).some(({ state }) => state === "ready") ? true : undefined);
    try {
      assert.ok(await pollUntil(isReady, { everyMs: 5, timeoutMs: 60_000 }));
      const whileItLives = await run("lab", "status", "--json");
      assert.deepEqual(leftIn(labs, whileItLives.records), [], "it is not left behind while somebody works with it");
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
    const [lab] = recordsIn(labs);
    const [node] = lab?.nodes ?? [];
    assert.ok(lab !== undefined && node !== undefined && serverProcessesIn(node.dataDirectory).length > 0);
    try {
      assert.deepEqual(leftIn(labs, (await run("lab", "status", "--json")).records), [lab.name]);
    } finally {
      assert.equal((await run("lab", "down", "--all")).code, 0);
    }
    assert.ok(!existsSync(lab.directory));
    assert.deepEqual(serverProcessesIn(node.dataDirectory), []);
  }),
);

/** Others on this machine may have left some, too. */
function leftIn(labs: string, records: readonly { leftBehind?: { name: string; directory: string } }[]) {
  return records.flatMap(({ leftBehind }) => (leftBehind?.directory.startsWith(labs) ? [leftBehind.name] : []));
}
