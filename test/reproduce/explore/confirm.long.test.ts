import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { defaultConfiguration } from "../../../src/lab/pacemaker/default-configuration.ts";
import { loadScenario } from "../../../src/reproduce/scenario/load.ts";
import { commandLine } from "../../cli/command-line.ts";
import { withFolder } from "../../support/folder.ts";
import { missingFor } from "../../support/managers.ts";

/** With the one rule that is in the way turned round: the primary avoids the backup address. */
function blocking(): string {
  const rule = /(<rsc_colocation id="backup-vip-not-with-primary")[^>]*>/;
  const turned = '$1 score="-INFINITY" rsc="msPostgresql" rsc-role="Promoted" with-rsc="PostgresqlBackupVIP"/>';
  return defaultConfiguration(["pg1", "pg2", "pg3"]).replace(rule, turned);
}

describe("explore --confirm", { skip: await missingFor("pacemaker") }, () => {
  it("sees the outage that was found on paper on a live Pacemaker, and that the repair helps there", () =>
    withFolder(async (folder) => {
      const cib = join(folder, "blocking.xml");
      await writeFile(cib, blocking());
      const { code, result, stderr } = await commandLine(folder).run(
        ...[
          "reproduce",
          "explore",
          "--cib",
          cib,
          "--faults",
          "2",
          "--confirm",
          "--out",
          join(folder, "found"),
          "--json",
        ],
      );
      assert.equal(code, 1, stderr);
      const [found] = result.blocked;
      assert.equal(found.constraint, "backup-vip-not-with-primary");
      assert.equal(found.repair.attribute, "direction");
      assert.equal(found.live.problem, undefined);
      assert.deepEqual([found.live.found.outage, found.live.repaired.outage], [true, false], stderr);
      // What was tried can be tried again.
      const scenario = await loadScenario(found.live.file);
      assert.equal(scenario.factors.length, 2 * found.faults.length - 1);
    }));
});

describe("explore --lab", { skip: await missingFor("pacemaker") }, () => {
  it("searches a live cluster's configuration and state, and leaves the cluster alone", () =>
    withFolder(async (folder) => {
      const cib = join(folder, "blocking.xml");
      await writeFile(cib, blocking());
      const { run } = commandLine(folder);
      try {
        const made = await run("lab", "up", "searched", "--manager", "pacemaker", "--cib", cib, "--json");
        assert.equal(made.code, 0, made.stderr);
        const { result, stderr } = await run("reproduce", "explore", "--lab", "searched", "--faults", "1", "--json");
        // As it stands: pg1 is the primary, the backup address is on the synchronous standby.
        assert.deepEqual(result.assumed, [], stderr);
        assert.deepEqual(result.blocked[0]?.faults, [{ kind: "node-down", node: "pg1", text: "pg1 goes down" }]);
        const captured = await run("reproduce", "capture", "--lab", "searched", "--json");
        const { capture } = captured.records.find((line) => line.capture !== undefined);
        assert.match(capture.pacemaker.cib, /backup-vip-not-with-primary/, captured.stderr);
        const status = await run("lab", "status", "--json");
        assert.deepEqual(
          status.records
            .find(({ lab }) => lab?.name === "searched")
            ?.lab.nodes.map(({ role }: { role: string }) => role),
          ["primary", "synchronous", "asynchronous"],
        );
      } finally {
        await run("lab", "down", "searched");
      }
    }));
});
