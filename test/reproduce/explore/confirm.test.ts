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
