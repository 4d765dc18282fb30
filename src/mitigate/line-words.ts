import type { Branch, Holder, Lines } from "./lines.ts";

/* Histories in words, for the person who approves. */

export function branchText({ holder, fork, ownBytes }: Branch<Holder>): string {
  return `${holder.node} is on another branch (timeline ${holder.end.timelineId}): it left timeline ${fork.timelineId} at ${fork.endLsn}, holds ${ownBytes} bytes of its own, and lacks what was written on the other side.`;
}

export function apartText(apart: Lines<Holder>["apart"]): string {
  const ends = apart.map(({ node, end }) => `${node} (timeline ${end?.timelineId}, up to ${end?.lsn})`);
  return `${ends.join(" and ")} are on different branches of history, and nothing tells on which was written last.`;
}

/** Those that are left out of an election, each with the reason. */
export function leftOutTexts({ branches, unknown }: Lines<Holder>): readonly string[] {
  return [
    ...branches.map(branchText),
    ...unknown.map(({ holder, why }) => `Whether ${holder.node} holds what the old primary wrote is unknown: ${why}.`),
  ];
}
