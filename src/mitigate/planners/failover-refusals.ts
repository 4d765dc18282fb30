import { isDown } from "../../drivers/postgres/instance.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import {
  type ClusterFacts,
  type NodeFacts,
  nodeFacts,
  otherSuspects,
  primariesOf,
  promotingOf,
  standbysOf,
} from "../cluster-facts.ts";
import { knownPrimary, strangersOf } from "../old-primary.ts";
import { declareText } from "../source.ts";
import { type Choice, hostNextOf, refuse, refuseOld } from "../planning.ts";

/* When a failover would not be safe, or would be of no use. */

/** It becomes the primary by itself, and nothing of ours can call that off. */
export function refusePending(facts: ClusterFacts): Refusal | undefined {
  const promoted = promotingOf(facts).map((one) => one.node);
  if (promoted.length === 0 || primariesOf(facts).length > 0) return undefined;
  const names = promoted.join(" and ");
  return refuse(
    "promotion-pending",
    `The promotion of ${names} is pending: it becomes the primary once it has replayed all its WAL, and another would be a second one.`,
    `Wait until ${names} takes writes; then \`blackstart mitigate move-clients ${facts.cluster}\`, and \`blackstart mitigate rejoin\` for the others. To promote another, stop ${names} first.`,
  );
}

export function refusePrimary(
  facts: ClusterFacts,
  primary: NodeFacts | undefined,
  choice: Choice,
): Refusal | undefined {
  const primaries = primariesOf(facts).map((one) => one.node);
  if (primaries.length > 1)
    return refuse(
      "one-primary",
      `${primaries.join(" and ")} both take writes.`,
      "Stop the stale one first: `blackstart mitigate demote`.",
    );
  if (primaries.length === 1)
    return refuse(
      "primary-alive",
      `${primaries[0]} is alive and takes writes.`,
      "To move the primary in order, without any loss: `blackstart mitigate switchover`.",
    );
  if (primary === undefined) return refuseUnknown(facts);
  const suspects = otherSuspects(facts, primary).map((one) => one.node);
  if (suspects.length > 0)
    return refuse(
      "primary-unknown",
      `${primary.node} was followed by a standby, but that may have been a cascade: ${suspects.join(", ")} cannot be asked, was never seen, and may be the primary.`,
      `Start or reach ${suspects.join(", ")} (\`host:\`), or, if it is a standby and down, put \`standby.signal\` into its data directory; then ask again.`,
    );
  if (primary.reach === "denied")
    return refuse(
      "primary-alive",
      `${primary.node} is alive, but would not let us in: ${primary.problem ?? ""}`,
      "Mend the access (password, pg_hba.conf, max_connections), or stop the server yourself, then ask again.",
    );
  const witnesses = facts.nodes.filter((one) => one.hears === primary.node).map((one) => one.node);
  if (witnesses.length > 0)
    return refuse(
      "primary-heard",
      `${primary.node} does not answer us, but ${witnesses.join(" and ")} ${witnesses.length === 1 ? "has" : "have"} heard from it since it was asked: it is alive, and only the way from here to it is cut.${wrongHostText(primary)}`,
      `Mend the network between this machine and ${primary.node}. If it has to be replaced all the same, stop it on its own machine first.`,
    );
  const unknown = facts.nodes.filter((one) => one.hearsSomebody !== undefined);
  if (unknown.length > 0)
    return refuse(
      "primary-heard",
      `${primary.node} does not answer us, and ${unknown.map((one) => `${one.node} has heard from ${one.hearsSomebody}`).join(" and ")} since it was asked. Whose address that is cannot be told from here: if it is that of ${primary.node}, it is alive, and only the way from here to it is cut.`,
      `See whether ${primary.node} runs. ${[...new Set(unknown.map((one) => declareText(one.hearsSomebody as string)))].join(" ")} Then ask again.`,
    );
  if (primary.reach === "starting" && !choice.evenIfStarting)
    return refuse(
      "primary-starting",
      `${primary.node} is starting up (or shutting down) by itself.`,
      "Give it a moment: a crash recovery takes seconds as a rule. See its log for how far it is.",
      "--even-if-starting",
    );
  return undefined;
}

/** Never where every node answers as a standby, and none follows a stranger: then it is among them. */
function refuseUnknown(facts: ClusterFacts): Refusal {
  const strangers = strangersOf(facts);
  if (strangers.length > 0)
    return refuse(
      "primary-unknown",
      `${strangers.map(({ node, address, streams }) => `${node} ${streams ? "streams" : "is set to stream"} from ${address}`).join("; ")}, which the system file does not declare: it may be the primary.`,
      `${[...new Set(strangers.map(({ address }) => declareText(address)))].join(" ")} If it is gone for good, let nobody follow it (on ${strangers.map((one) => one.node).join(" and ")}: \`alter system set primary_conninfo = ''\`, and a reload); then ask again.`,
    );
  const silent = facts.nodes.filter((one) => one.observation === undefined).map((one) => one.node);
  const places =
    silent.length === facts.nodes.length ? [facts.cluster] : silent.map((one) => `${facts.cluster}/${one}`);
  const last = knownPrimary(facts)?.node;
  const known =
    last === undefined
      ? "It is not known which node was the primary: none is remembered, no plan has changed one, and no standby that answers follows one."
      : `${last} was the primary, and answers as a standby now.`;
  return refuse(
    "primary-unknown",
    `${known} ${silent.join(" and ")} does not answer, and may be it${last === undefined ? "" : " since"}.`,
    `Start what is down: ${places.map((place) => `\`blackstart mitigate restart ${place}\``).join(", ")}. Then ask again.`,
  );
}

function wrongHostText({ instance }: NodeFacts): string {
  if (instance === undefined || !isDown(instance)) return "";
  return " And yet its host sees nothing of it: `host:` or `data:` is that of another server.";
}

/** Unreachable is not dead. */
export function refuseFence(cluster: Cluster, primary: NodeFacts | undefined): Refusal | undefined {
  if (primary === undefined || primary.instance !== undefined || cluster.fence !== undefined) return undefined;
  return refuse(
    "fence",
    `${primary.node} cannot be seen dead: ${primary.hostProblem ?? "its host does not answer"}. Unreachable is not dead; it may still take writes.`,
    `${hostNextOf(primary)} Or declare \`fence:\`, a command that cuts the node off for good.`,
  );
}

export function refuseCandidates(facts: ClusterFacts, choice: Choice): Refusal | undefined {
  const standbys = standbysOf(facts);
  if (standbys.length === 0)
    return refuse(
      "candidate",
      `No standby of ${facts.cluster} answers, and only one that does can be promoted: ${facts.nodes.map((one) => one.problem ?? `${one.node} is a primary`).join("; ")}.`,
      `Start what is down: \`blackstart mitigate restart ${facts.cluster}\`. Ask again once one answers.`,
    );
  for (const standby of standbys) {
    const old = refuseOld(standby.observation.version, standby.node);
    if (old) return old;
  }
  if (choice.node === undefined || standbys.some((one) => one.node === choice.node)) return undefined;
  const wanted = nodeFacts(facts, choice.node);
  return refuse(
    "candidate",
    `${choice.node} is no standby that answers: ${wanted?.problem ?? "it is not known"}.`,
    `Choose ${standbys.map((one) => one.node).join(" or ")}, or leave the choice to Blackstart.`,
  );
}
