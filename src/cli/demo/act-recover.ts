import type { Finding } from "../../finding/finding.ts";
import { createExecutor } from "../../plan/executor.ts";
import { registryOf } from "../../plan/handler.ts";
import { isRefusal } from "../../plan/plan.ts";
import { lookForStaleCache } from "../../recover/cache.ts";
import { recoveryHandlers } from "../../recover/handlers.ts";
import { lookInFlight } from "../../recover/in-flight.ts";
import { lookForViolations } from "../../recover/invariants.ts";
import { makeRecoveryPlan, unlessNothingWrong } from "../../recover/plans.ts";
import { declareRecovered } from "../../respond/actions/declare-recovered.ts";
import { counted } from "../output/quantities.ts";
import type { DemoResult, Scene } from "./story.ts";
import { countLostWrites } from "./tally.ts";

type Recovered = Pick<
  DemoResult,
  "lostWrites" | "violationsFound" | "violationsLeft" | "staleCacheFound" | "staleCacheLeft"
>;

/** The service works; now the data is made right: what was in flight, what is half done, what the cache says. */
export async function settleMoney(scene: Scene, incident: string): Promise<Recovered> {
  const { stage, tell, timeline, context } = scene;
  const room = { system: stage.system, fleet: await context.fleet(), timeline, home: scene.folder };
  tell.act("recover", "the service works; is the data right?");

  const flight = await lookInFlight({ ...room, cluster: stage.cluster, signal: context.signal });
  tell.line(
    `${counted(flight.inFlight.length, "transaction")} in flight at the crash, read from the old primary's write-ahead log (${flight.records} records)`,
  );
  for (const { xid, records, relations } of flight.inFlight.slice(0, 3)) {
    const tables = [...new Set(relations.map(({ table, name }) => table ?? name))];
    tell.line(
      `  transaction ${xid} had written ${counted(records, "record")} to ${tables.join(", ")}: none of it exists now`,
    );
  }
  const violationsFound = await repairAll(scene, incident, room);
  const staleCacheFound = await purgeAll(scene, incident, room);

  await stage.customers.stop();
  const lostWrites = await countLost(scene);
  const acknowledged = stage.customers.acknowledged.size;
  tell.line(
    lostWrites === 0
      ? `none of the ${acknowledged} transfers that customers were told are booked is missing`
      : `${lostWrites} of the ${acknowledged} transfers that customers were told are booked ARE MISSING`,
  );
  const violationsLeft = sumOf((await lookForViolations(room)).map(({ count }) => count));
  const staleCacheLeft = stage.redis ? await countStale(room) : null;
  if (violationsLeft === 0 && lostWrites === 0 && (staleCacheLeft ?? 0) === 0) {
    const summary =
      "every debit has its credit, the cache agrees with the database, no acknowledged transfer is missing";
    await declareRecovered({ timeline, by: context.actor }, incident, summary);
  }
  return { lostWrites, violationsFound, violationsLeft, staleCacheFound, staleCacheLeft };
}

type Room = Parameters<typeof makeRecoveryPlan>[1] & { home: string };

async function repairAll(scene: Scene, incident: string, room: Room): Promise<number> {
  const looks = await lookForViolations(room);
  for (const { finding, count } of looks) {
    if (finding === undefined) continue;
    scene.tell.line(`${counted(count, "transfer")} debited but never credited`);
    await remedy(
      scene,
      incident,
      room,
      finding,
      "the money is back where it came from; the rows as they were are kept",
    );
  }
  return sumOf(looks.map(({ count }) => count));
}

async function purgeAll(scene: Scene, incident: string, room: Room): Promise<number | null> {
  if (!scene.stage.redis) return null;
  const looks = await lookForStaleCache(room);
  let found = 0;
  for (const { finding, entries } of looks) {
    if (finding === undefined) continue;
    const wrong = sumOf(entries.map((entry) => entry.wrong + entry.orphaned));
    found += wrong;
    scene.tell.line(`${counted(wrong, "cache entry", "cache entries")} that the database contradicts`);
    await remedy(scene, incident, room, finding, "removed, each only if it was still the wrong one");
  }
  return found;
}

/** Plans what the finding proposes, and carries it out through the executor like everything else. */
async function remedy(scene: Scene, incident: string, room: Room, finding: Finding, done: string): Promise<void> {
  if (finding.remedy === undefined) return;
  const { context, timeline, tell } = scene;
  const request = { ...finding.remedy, options: { ...finding.remedy.options, incident } };
  const plan = await unlessNothingWrong(makeRecoveryPlan(request, room));
  // The customers go on working, and may have put it right themselves meanwhile.
  if (plan === undefined) return tell.line("  right by now, before anything was planned");
  if (isRefusal(plan)) return context.out.refusal(plan);
  const executor = createExecutor({
    timeline,
    handlers: registryOf(...recoveryHandlers(room)),
    signal: context.signal,
  });
  await executor.store(plan, context.actor);
  const { outcome, state } = await executor.run(plan.id, context.actor, "person");
  tell.line(outcome === "done" ? `  ${done}` : `  not settled: ${state ?? outcome}`);
}

async function countStale(room: Room): Promise<number> {
  const looks = await lookForStaleCache(room);
  return sumOf(looks.flatMap(({ entries }) => entries.map((entry) => entry.wrong + entry.orphaned)));
}

/** Asked where the customers ask: of the server that the address file names. */
async function countLost({ stage }: Scene): Promise<number> {
  return countLostWrites(stage.lab.addressFile, stage.customers.acknowledged);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
