import type { JsonObject } from "../../base/json.ts";
import { compareWalEnds } from "../../drivers/postgres/history.ts";
import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { SynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import type { Refusal } from "../../plan/plan.ts";
import { type ClusterFacts, type NodeFacts, receivedLsn } from "../cluster-facts.ts";
import { apartText, branchText } from "../line-words.ts";
import type { Lines } from "../lines.ts";
import { type LossVerdict, promisesOf, type SynchronousPromise, unreachableMembers } from "../loss.ts";
import { linesAfter, linesOf, type StandbyHolder } from "../old-primary.ts";
import { type Choice, refuse } from "../planning.ts";
import { isMeant } from "../promise.ts";

/* Which standbys may be elected, for the history that they hold; and what has to hold still when it comes to that. */

/** By the line on which the old primary wrote; by that of the chosen one where its loss of the other was accepted. */
export function electable(facts: ClusterFacts, old: NodeFacts, choice: Choice): Lines<StandbyHolder> {
  return electableBy(linesOf(facts, old), facts, choice);
}

export function electableBy(lines: Lines<StandbyHolder>, facts: ClusterFacts, choice: Choice): Lines<StandbyHolder> {
  const chosen = [...lines.apart, ...lines.branches.map((one) => one.holder)].find((one) => one.node === choice.node);
  return chosen === undefined || !choice.acceptLoss ? lines : linesAfter(facts, chosen.end);
}

export function refuseLines(cluster: string, lines: Lines<StandbyHolder>, choice: Choice): Refusal | undefined {
  if (lines.apart.length > 0)
    return refuse(
      "branches",
      apartText(lines.apart),
      `Find out which of them the clients wrote to last, and promote it: ${promoting(cluster, lines.apart)}. What the others hold is kept when they are brought back.`,
      "--accept-loss",
    );
  const branch = lines.branches.find((one) => one.holder.node === choice.node);
  if (branch !== undefined)
    return refuse(
      "branches",
      branchText(branch),
      `Choose ${lines.onLine.map((one) => one.node).join(" or ") || "the others"}, or leave the choice to Blackstart.`,
      "--accept-loss",
    );
  if (lines.onLine.length === 0 && lines.branches.length > 0)
    return refuse(
      "branches",
      `No standby that answers holds what the primary wrote. ${lines.branches.map(branchText).join(" ")}`,
      `Bring the old primary back, or another standby of it; or promote one of these: ${promoting(cluster, holdersOf(lines))}.`,
      "--accept-loss",
    );
  const unknown = lines.unknown.filter((one) => lines.onLine.length === 0 || one.holder.node === choice.node);
  if (unknown.length === 0) return undefined;
  return refuse(
    "history",
    unknown
      .map(({ holder, why }) => `Whether ${holder.node} holds what the primary wrote is unknown: ${why}.`)
      .join(" "),
    "Let Blackstart's role ask there: `alter role ... replication`, and a `url` with that role or with a superuser.",
  );
}

/** The commands by which a person chooses one of them, for what it alone holds. */
export function promoting(cluster: string, choices: readonly StandbyHolder[]): string {
  return choices
    .map(({ node }) => `\`blackstart mitigate failover ${cluster} --to ${node} --accept-loss\``)
    .join(" or ");
}

/** One for each line of history: the furthest on the line that was written last, and each branch. */
export function holdersOf({ onLine, branches }: Lines<StandbyHolder>): readonly StandbyHolder[] {
  return [...onLine.slice(0, 1), ...branches.map(({ holder }) => holder)];
}

/** Obeyed or refused: a choice that lacks what another holds may lack acknowledged writes. */
export function refuseBehind(
  lines: Lines<StandbyHolder>,
  choice: Choice,
  complete: readonly string[],
): Refusal | undefined {
  const bytes = bytesLacking(lines, choice);
  if (bytes === 0 || choice.acceptLoss || complete.includes(choice.node ?? "")) return undefined;
  const [furthest] = lines.onLine;
  return refuse(
    "acknowledged-writes",
    `${choice.node} lacks ${bytes} bytes that ${furthest?.node} has received; acknowledged writes may be among them.`,
    `Choose ${furthest?.node}, or leave the choice to Blackstart.`,
    "--accept-loss",
  );
}

/** What the chosen one lacks of what the furthest holds. */
export function bytesLacking({ onLine }: Lines<StandbyHolder>, choice: Choice): number {
  const [furthest, chosen] = [onLine[0], onLine.find((one) => one.node === choice.node)];
  if (furthest === undefined || chosen === undefined) return 0;
  const compared = compareWalEnds(furthest.end, chosen.end);
  return compared.kind === "same-line" ? Math.max(0, compared.aheadBytes) : 0;
}

/**
 * Those that have every acknowledged write, even where another has received more: the primary waited for all that bear the
 * names, by each of its settings.
 */
export function completeOf(
  verdict: LossVerdict,
  facts: ClusterFacts,
  old: NodeFacts,
  lines: Lines<StandbyHolder>,
): readonly string[] {
  const promises = promisesOf(old, facts);
  if (verdict.kind !== "none" || promises.length === 0) return [];
  const waitedForAll = ({ names }: SynchronousPromise) => {
    if (names === undefined || names.names.includes("*")) return false;
    const answering = [...lines.onLine, ...lines.branches.map((one) => one.holder)];
    const bearers = answering.filter((one) => isMeant(names, one.facts)).length;
    return bearers + unreachableMembers(names, facts, old, lines).length <= names.count;
  };
  if (!promises.every(waitedForAll)) return [];
  return lines.onLine.filter((one) => promises.every(({ names }) => isMeant(names, one.facts))).map((one) => one.node);
}

/**
 * What has to hold still at the moment of the election, so that nothing acknowledged is lost, or no more than what was
 * stated and accepted. Where what is remembered of the primary and what its files say differ, by both.
 */
export function needsOf(
  facts: ClusterFacts,
  old: NodeFacts,
  lines: Lines<StandbyHolder>,
  choice: Choice,
  complete: readonly string[],
): JsonObject {
  const { received, ...rest } = needsAmong(lines, choice);
  const common = { ...rest, ...(complete.length === 0 ? {} : { complete }) };
  const needs = promisesOf(old, facts).map(({ names }) =>
    names === undefined ? undefined : membersNeeded(names, facts, old, lines),
  );
  const known = needs.filter((one) => one !== undefined);
  if (known.length === 0 || known.length < needs.length)
    return { ...common, ...(received === undefined ? {} : { received }) };
  const [fork] = known.flatMap((one) => one.forks).toSorted((a, b) => lsnAhead(b, a));
  return {
    ...common,
    of: [...new Set(known.flatMap((one) => one.of))],
    missingMax: Math.min(...known.map((one) => one.missingMax)),
    ...(fork === undefined ? {} : { received: fork }),
  };
}

/** Undefined where too few of them answer to hold every acknowledged write. */
function membersNeeded(names: SynchronousNames, facts: ClusterFacts, old: NodeFacts, lines: Lines<StandbyHolder>) {
  const missingMax = names.count - 1 - unreachableMembers(names, facts, old, lines).length;
  if (missingMax < 0) return undefined;
  return {
    of: lines.onLine.filter((one) => isMeant(names, one.facts)).map((one) => one.node),
    missingMax,
    // What a member on another branch acknowledged lies before the fork.
    forks: lines.branches.filter((one) => isMeant(names, one.holder.facts)).map((one) => one.fork.endLsn),
  };
}

/** The line, and that somebody still holds all of it that one held when the plan was made. */
export function needsAmong({ onLine: [furthest] }: Lines<StandbyHolder>, choice: Choice): JsonObject {
  if (furthest === undefined) return {};
  return {
    line: { ...furthest.end, ancestors: furthest.end.ancestors ?? null },
    received: receivedLsn(furthest.facts),
    ...(choice.acceptLoss ? { acceptLoss: true } : {}),
  };
}
