import assert from "node:assert/strict";
import { test } from "node:test";
import { withChoices } from "../../../src/cli/commands/mitigate/choices.ts";
import { commandLine } from "../command-line.ts";
import { withFolder } from "../../support/folder.ts";
import { systemOf } from "../../watch/facts-of.ts";

const refusal = (rule: string) => ({ refused: true, rule, missing: "…", provide: "Name one of pg1, pg3." }) as const;
const commands = (kind: string, rule: string) => {
  const answer = withChoices(refusal(rule), systemOf(), kind, "ledger");
  return "refused" in answer ? answer.provide.split("\n").slice(1) : [];
};

test("a refusal for want of a node gives a command for each that it names", () => {
  assert.deepEqual(
    commands("rejoin", "which"),
    ["pg1", "pg3"].map((node) => `blackstart mitigate rejoin ledger/${node}`),
  );
});

test("an unknown primary leads to starting the nodes by name, not back to itself", () => {
  assert.deepEqual(
    commands("failover", "primary-unknown"),
    ["pg1", "pg2", "pg3"].map((node) => `blackstart mitigate restart ledger/${node}`),
  );
});

test("a refusal of another kind is told as it is", () => {
  assert.deepEqual(commands("restart", "host"), []);
});

for (const kind of ["failover", "rejoin", "demote"])
  test(`the flag by which a refused ${kind} is accepted can be given`, () =>
    withFolder(async (folder) => {
      const { stdout } = await commandLine(folder).run("mitigate", kind, "--help");
      assert.match(stdout, /--accept-loss/);
    }));
