import assert from "node:assert/strict";
import { join } from "node:path";
import { commandLine } from "../cli/command-line.ts";
import { withFolder } from "../support/folder.ts";

export const scenarios = join(import.meta.dirname, "..", "..", "scenarios");

/** One trial of a shipped scenario shows its symptom, and one without its factors does not. */
export function reproducedOnce(name: string): Promise<void> {
  return withFolder(async (home) => {
    const { code, result, stderr } = await commandLine(home).run(
      ...["reproduce", "run", join(scenarios, `${name}.yaml`), "--trials", "1", "--control", "1", "--json"],
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual([result.trials, result.reproduced, result.control.reproduced], [1, 1, 0]);
  });
}
