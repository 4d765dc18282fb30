import { type Lsn, lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts, nodeFacts, receivedLsn } from "../cluster-facts.ts";
import type { Lines } from "../lines.ts";
import type { StandbyHolder } from "../old-primary.ts";
import { type Choice, refuse } from "../planning.ts";

/* Which of the standbys that hold the line may become the primary. The others follow. */

/**
 * Why it may not become the primary. A server with a recovery target in force receives and confirms all, and promoted it
 * ends at the target, or does not come up where it has not reached it (xlogrecovery.c).
 */
export function barredWhy(cluster: Cluster, { node, limits }: Pick<NodeFacts, "node" | "limits">): string | undefined {
  if (cluster.nodes[node]?.promote === "never") return "the system file says `promote: never`";
  const target = limits?.recoveryTarget ?? null;
  return target === null ? undefined : `it runs with ${target}, and would have nothing beyond that as the primary`;
}

/**
 * Without those that are barred, and, as long as nothing is lost by it, without those that replay late: promoted, one has
 * to replay first what it holds, which may be hours of WAL.
 * @param isSafe whether every acknowledged write is on one of those that are left
 */
export function eligible(
  cluster: Cluster,
  lines: Lines<StandbyHolder>,
  choice: Choice,
  isSafe: (left: Lines<StandbyHolder>) => boolean,
): Lines<StandbyHolder> {
  const promotable = only(lines, ({ facts }) => barredWhy(cluster, facts) === undefined);
  const prompt = only(promotable, ({ node, facts }) => node === choice.node || facts.observation.applyDelayMs === 0);
  const [first] = prompt.onLine;
  if (first === undefined || prompt.onLine.length === promotable.onLine.length) return promotable;
  const lacks = promotable.onLine.some(
    (one) => !prompt.onLine.includes(one) && mayBeAhead(one.facts, receivedLsn(first.facts)),
  );
  // Where only all of them are safe, it is for the election to see that the prompt ones have as much.
  return isSafe(prompt) || (!lacks && !isSafe(promotable)) ? prompt : promotable;
}

/** One that was started anew has not told how much it holds before it has read its own WAL, which a delay holds up. */
function mayBeAhead(standby: AnsweringNode, lsn: Lsn): boolean {
  return standby.observation.receivedLsn === null || lsnAhead(receivedLsn(standby), lsn) > 0;
}

function only(lines: Lines<StandbyHolder>, may: (one: StandbyHolder) => boolean): Lines<StandbyHolder> {
  return { ...lines, onLine: lines.onLine.filter(may) };
}

/** Those on the line that are not to be elected: they follow whoever is. */
export function onlyFollowing(all: Lines<StandbyHolder>, elected: Lines<StandbyHolder>): readonly AnsweringNode[] {
  return all.onLine.filter((one) => !elected.onLine.includes(one)).map((one) => one.facts);
}

export function refuseBarred(cluster: Cluster, facts: ClusterFacts, choice: Choice): Refusal | undefined {
  const chosen = choice.node === undefined ? undefined : nodeFacts(facts, choice.node);
  const why = chosen && barredWhy(cluster, chosen);
  if (chosen === undefined || why === undefined) return undefined;
  const others = facts.nodes.filter((one) => barredWhy(cluster, one) === undefined).map(({ node }) => node);
  return refuse(
    "candidate",
    `${chosen.node} is not to become the primary: ${why}.`,
    `Choose ${others.join(" or ")}, or leave the choice to Blackstart; or ${unbarText}.`,
  );
}

export function refuseNobody(cluster: Cluster, all: Lines<StandbyHolder>): Refusal | undefined {
  const barred = all.onLine.flatMap(({ node, facts }) => {
    const why = barredWhy(cluster, facts);
    return why === undefined ? [] : [`${node}: ${why}`];
  });
  if (barred.length === 0 || barred.length < all.onLine.length) return undefined;
  return refuse(
    "candidate",
    `None of the standbys may become the primary (${barred.join("; ")}).`,
    `Bring another standby back; or ${unbarText}.`,
  );
}

const unbarText =
  "change that: take `promote: never` out of the file, or the recovery target out of its configuration and restart it";

/** What a person has to know of a delayed standby that may be elected. */
export function delayStatements(lines: Lines<StandbyHolder>): readonly string[] {
  return lines.onLine.flatMap(({ node, facts: { observation } }) => {
    if (observation.applyDelayMs === 0) return [];
    const bytes = Math.max(0, lsnAhead(observation.lsn, observation.replayedLsn ?? observation.lsn));
    return [
      `${node} replays ${observation.applyDelayMs / 1000} s late (recovery_min_apply_delay): if it is promoted, clients wait until it has replayed ${bytes} bytes.`,
    ];
  });
}
