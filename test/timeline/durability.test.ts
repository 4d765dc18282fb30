import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { readAll } from "../../src/timeline/read-all.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { assertNoGap } from "./conformance.ts";

const kills = 204;
const appender = join(import.meta.dirname, "appender.ts");

/** Small and seeded (mulberry32), so that a failing run can be repeated: BLACKSTART_SEED=… */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`killed at ${kills} random instants, nothing acknowledged is lost or doubled`, async (context) => {
  const seed = Number(process.env.BLACKSTART_SEED ?? Date.now() % 2 ** 31);
  context.diagnostic(`BLACKSTART_SEED=${seed}`);
  const random = randomOf(seed);
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const acknowledged = new Map<string, string>();
    let killed = 0;
    for (let round = 0; killed < kills; round += 1) {
      // One process alone, so that its death leaves the file unattended; then three that share it.
      const lanes = round % 2 === 0 ? 1 : 3;
      const names = Array.from({ length: lanes }, (_, lane) => `${round}.${lane}`);
      const reports = await Promise.all(names.map((name) => appendUntilKilled(file, name, random())));
      for (const line of reports.flat()) acknowledge(acknowledged, line);
      killed += lanes;
      await assertAllThere(file, acknowledged);
    }
    context.diagnostic(`${killed} kills, ${acknowledged.size} acknowledged events`);
    assert.ok(acknowledged.size > kills, "too few events were acknowledged to say anything");
    assertIntact(file);
  });
});

/** Kills it at a random moment: while it opens and starts its writer, or, as often, while it appends. */
async function appendUntilKilled(file: string, name: string, chance: number): Promise<string[]> {
  const child = spawn(process.execPath, [appender, file, name], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  try {
    const output = gather(child);
    await (chance < 0.5 ? output.begun : Promise.race([output.appends, exited]));
    await new Promise((resolve) => setTimeout(resolve, (chance % 0.5) * 160));
    child.kill("SIGKILL");
    const [, signal] = await exited;
    assert.equal(signal, "SIGKILL", "the process ended by itself");
    await output.ended;
    // The last line may be torn; its event counts only if the line is whole.
    return output.text().split("\n").slice(1, -1);
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  }
}

function gather(child: ChildProcess) {
  const chunks: string[] = [];
  const [begun, appends] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    chunks.push(chunk);
    begun.resolve();
    if (chunks.length > 1 || chunk.includes("\n", "begun\n".length)) appends.resolve();
  });
  return { begun: begun.promise, appends: appends.promise, ended: once(child, "close"), text: () => chunks.join("") };
}

function acknowledge(acknowledged: Map<string, string>, line: string): void {
  const [stream, version, position, id = ""] = line.split(" ");
  assert.ok(!acknowledged.has(id), `${id} was acknowledged twice`);
  acknowledged.set(id, `${stream} ${version} ${position}`);
}

async function assertAllThere(file: string, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  const timeline = await openSqliteTimeline(file);
  try {
    const events = await readAll(timeline, {});
    assertNoGap(events);
    const stored = new Map<string, string>();
    for (const { stream, version, position, data } of events) {
      const { id } = data as { id: string };
      assert.ok(!stored.has(id), `${id} is stored twice`);
      stored.set(id, `${stream} ${version} ${position}`);
    }
    for (const [id, place] of acknowledged) assert.equal(stored.get(id), place, `${id} was acknowledged`);
  } finally {
    await timeline.close();
  }
}

function assertIntact(file: string): void {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    assert.deepEqual(
      database
        .prepare("pragma integrity_check")
        .all()
        .map((row) => row.integrity_check),
      ["ok"],
    );
  } finally {
    database.close();
  }
}
