import { type Lsn, lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import { type AnsweringNode, type ClusterFacts, receivedLsn } from "../cluster-facts.ts";
import type { Lines } from "../lines.ts";
import type { StandbyHolder } from "../old-primary.ts";
import { type Choice, refuse } from "../planning.ts";

/* Which of the standbys that hold the line may become the primary. The others follow. */

export function mayPromote(cluster: Cluster, node: string): boolean {
  return cluster.nodes[node]?.promote !== "never";
}

/**
 * Without those of which the file says `promote: never`, and, as long as nothing is lost by it, without those that replay
 * late: promoted, one has to replay first what it holds, which may be hours of WAL.
 * @param isSafe whether every acknowledged write is on one of those that are left
 */
export function eligible(
  cluster: Cluster,
  lines: Lines<StandbyHolder>,
  choice: Choice,
  isSafe: (left: Lines<StandbyHolder>) => boolean,
): Lines<StandbyHolder> {
  const promotable = only(lines, ({ node }) => mayPromote(cluster, node));
  const prompt = only(promotable, ({ node, facts }) => node === choice.node || facts.observation.applyDelayMs === 0);
  const [first] = prompt.onLine;
  if (first === undefined || prompt.onLine.length === promotable.onLine.length) return promotable;
  const lacks = promotable.onLine.some(
    (one) => !prompt.onLine.includes(one) && mayBeAhead(one.facts, receivedLsn(first.facts)),
  );
  return !lacks || isSafe(prompt) ? prompt : promotable;
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
  if (choice.node === undefined || mayPromote(cluster, choice.node)) return undefined;
  const others = facts.nodes.filter(({ node }) => mayPromote(cluster, node)).map(({ node }) => node);
  return refuse(
    "candidate",
    `${choice.node} is not to become the primary: the system file says \`promote: never\`.`,
    `Choose ${others.join(" or ")}, or leave the choice to Blackstart; or change the file.`,
  );
}

export function refuseNobody(cluster: Cluster, all: Lines<StandbyHolder>): Refusal | undefined {
  const barred = all.onLine.filter(({ node }) => !mayPromote(cluster, node)).map(({ node }) => node);
  if (barred.length === 0 || barred.length < all.onLine.length) return undefined;
  return refuse(
    "candidate",
    `Of the standbys only ${barred.join(", ")} could be promoted, and the system file says \`promote: never\` of each.`,
    "Bring another standby back, or take `promote: never` out of the file for this outage.",
  );
}

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
