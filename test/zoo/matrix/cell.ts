import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../../cli/command-line.ts";
import { versionFor, withAnimal } from "../open.ts";
import type { Expectation, Recipe } from "../recipe.ts";
import type { Zoo } from "../zoo.ts";
import type { PostgresVersion } from "../../support/postgres-versions.ts";
import { startClient } from "./client.ts";
import { todoOf } from "./known-faults.ts";
import { assertWell, stateOf } from "./judge.ts";
import type { Outage } from "./outages.ts";
import { assertOnePrimary, startProber } from "./prober.ts";

/** One outage of one animal, put right by the real program; what it says is held against the servers. */
export function testCell(recipe: Recipe, outage: Outage, of: { version?: PostgresVersion; todo?: string } = {}): void {
  const { version = versionFor(recipe), todo = todoOf(recipe.name, outage.name) } = of;
  const expected: Expectation = recipe.expect?.[outage.name] ?? "done";
  const title = `${outage.name} of ${recipe.name}`;
  test(title, { skip: recipe.skip || version.skip, ...(todo === undefined ? {} : { todo }) }, () =>
    withAnimal(recipe, (zoo) => runCell(zoo, outage, expected), version.binaries),
  );
}

async function runCell(zoo: Zoo, outage: Outage, expected: Expectation): Promise<void> {
  const client = await startClient(zoo);
  try {
    await outage.happens(zoo, client);
    const before = await stateOf(zoo);
    const prober = startProber(zoo);
    const ended = await zoo.blackstart("mitigate", ...outage.words, "--apply", "--yes").finally(() => prober.stop());
    const told = `exit ${ended.code}: ${storyOf(ended.records)} ${ended.stderr.slice(-500)}`;
    assertOnePrimary(await prober.stop(), ended.records, outage.name === "demote");
    if (expected !== "done" && !(expected.orDone && ended.code === 0)) {
      assert.equal(ended.code, 3, told);
      assert.equal(ended.result.refused, expected.refused, told);
      assert.deepEqual(await stateOf(zoo), before, "a refusal has changed something");
      return;
    }
    // What did not follow before need not follow now; but then it is said.
    const isStray = zoo.recipe.strays !== undefined && ended.result.outcome === "done-with-failures";
    assert.ok(ended.code === 0 || isStray, told);
    await client.writes().catch((error: unknown) => assert.fail(`${String(error)}; ${told}`));
    const acknowledged = await client.stop();
    const whole = outage.isWhole(zoo).filter((node) => !zoo.recipe.strays?.includes(node));
    await assertWell(zoo, acknowledged, whole).catch((error: Error) => {
      error.message += `\n  ${told}`;
      throw error;
    });
  } finally {
    await client.stop();
  }
}

/** What the program told of itself, short enough for a failed test. */
function storyOf(records: readonly Line[]): string {
  const telling = records.flatMap((line) => {
    const record = line.event ?? line;
    if (record.refusal !== undefined) return [record.refusal];
    if (record.result !== undefined) return [{ outcome: record.outcome, state: record.state, refused: record.refused }];
    if (record.kind === "step.failed") return [record.data];
    return record.kind === "step.done" ? [{ [record.data.step]: record.data.outcome }] : [];
  });
  return telling.map((one) => `\n    ${JSON.stringify(one).slice(0, 600)}`).join("");
}
