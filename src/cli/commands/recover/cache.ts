import { type CacheLook, lookForStaleCache } from "../../../recover/cache.ts";
import { recordRecovery } from "../../../recover/record.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { incidentOfCluster, recoveryRoom, repair, type RepairOptions, worstOf } from "./repair.ts";

export async function cacheCommand(
  context: CommandContext,
  options: RepairOptions,
  names: readonly string[],
): Promise<Outcome> {
  const { out, signal } = context;
  const room = await recoveryRoom(context);
  const looks = await lookForStaleCache(room, { signal, ...(names.length === 0 ? {} : { names }) });
  if (looks.length === 0) out.progress("The system file declares no cache; see docs/system-file.md.");
  const outcomes: Outcome[] = [];
  for (const look of looks) {
    const cluster = look.entries[0]?.cluster;
    const incident = cluster === undefined ? options.incident : await incidentOfCluster(context, cluster, options);
    if (look.finding === undefined) {
      const summary = matches(look);
      out.record({ cache: { name: look.cache, stale: 0, compared: comparedOf(look) } });
      out.text(`${out.style.green("matches")}   ${summary}`);
      await recordRecovery(room.timeline, incident, "cache", summary, { stale: 0 }, context.actor);
    } else {
      out.finding(look.finding);
      out.text("");
      const request = { kind: "purge-cache", subject: look.finding.subject };
      outcomes.push(await repair(context, request, incident, options));
    }
  }
  const repaired = outcomes.length === 0 || options.apply === true;
  return {
    exitCode: worstOf(outcomes, repaired),
    result: {
      caches: looks.map((look) => ({ cache: look.cache, stale: staleOf(look), compared: comparedOf(look) })),
      plans: outcomes.map(({ result }) => result ?? {}),
    },
  };
}

function matches(look: CacheLook): string {
  return `The cache ${look.cache} matches the database: ${counted(comparedOf(look), "entry", "entries")} compared.`;
}

function comparedOf({ entries }: CacheLook): number {
  return entries.reduce((sum, { compared }) => sum + compared, 0);
}

function staleOf({ entries }: CacheLook): number {
  return entries.reduce((sum, { wrong, orphaned }) => sum + wrong + orphaned, 0);
}
