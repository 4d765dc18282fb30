import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../../cli/command-line.ts";
import { versionFor, withAnimal } from "../open.ts";
import type { Expectation, Recipe } from "../recipe.ts";
import type { Zoo } from "../zoo.ts";
import type { PostgresVersion } from "../../support/postgres-versions.ts";
import { startClient } from "./client.ts";
import { assertWell, stateOf } from "./judge.ts";
import type { Outage } from "./outages.ts";
import { assertOnePrimary, startProber } from "./prober.ts";

/** One outage of one animal, put right by the real program; what it says is held against the servers. */
export function testCell(recipe: Recipe, outage: Outage, version: PostgresVersion = versionFor(recipe)): void {
  const expected: Expectation = recipe.expect?.[outage.name] ?? "done";
  const title = `${outage.name} of ${recipe.name}`;
  const impossible = expected !== "done" && "impossible" in expected ? expected.impossible : false;
  const skip = recipe.skip || version.skip || impossible;
  test(title, { skip }, () => withAnimal(recipe, (zoo) => runCell(zoo, outage, expected), version.binaries));
}

async function runCell(zoo: Zoo, outage: Outage, expected: Expectation): Promise<void> {
  const client = await startClient(zoo);
  try {
    await outage.happens(zoo, client);
    const before = await stateOf(zoo);
    const next = expected !== "done" && "next" in expected ? expected.next : undefined;
    const first = await carriedOut(zoo, outage.words, outage.name === "demote");
    if (expected !== "done" && "refused" in expected && !(expected.orDone && first.code === 0)) {
      assert.equal(first.code, 3, first.told);
      assert.equal(first.refused, expected.refused, first.told);
      assert.deepEqual(await stateOf(zoo), before, "a refusal has changed something");
      return;
    }
    if (next !== undefined) assert.ok(first.code === 0 || first.code === 4, first.told);
    const { code, outcome, told } = next === undefined ? first : await carriedOut(zoo, next, false);
    // What did not follow before need not follow now, nor who followed a stale primary; but then it is said.
    const isSaid = (zoo.recipe.strays !== undefined || outage.name === "demote") && outcome === "done-with-failures";
    assert.ok(code === 0 || isSaid, told);
    await client.writes().catch((error: unknown) => assert.fail(`${String(error)}; ${told}`));
    const acknowledged = await client.stop();
    const whole = outage.isWhole(zoo).filter((node) => !zoo.recipe.strays?.includes(node));
    await assertWell(zoo, zoo.recipe.hasty ? [] : acknowledged, whole).catch((error: Error) => {
      error.message += `\n  ${told}`;
      throw error;
    });
  } finally {
    await client.stop();
  }
}

type Ended = Readonly<{ code: number | null; outcome?: string; refused?: string; told: string }>;

async function carriedOut(zoo: Zoo, words: readonly string[], areTwo: boolean): Promise<Ended> {
  const prober = startProber(zoo);
  const { code, records, result, stderr } = await zoo
    .blackstart("mitigate", ...words, "--apply", "--yes")
    .finally(() => prober.stop());
  assertOnePrimary(await prober.stop(), records, areTwo);
  const told = `exit ${code}: ${storyOf(records)} ${stderr.slice(-500)}`;
  return { code, outcome: result?.outcome, refused: result?.refused, told };
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
