import type { Capture } from "../capture/schema.ts";
import { compareCibs } from "./cib/compare.ts";
import { type ClusterFacts, clusterFacts } from "./cluster-facts.ts";
import { type NodeFacts, nodeFacts } from "./node-facts.ts";
import { type Pairing, pairNodes } from "./pair.ts";
import { rankOf } from "./rank.ts";
import type { Difference, Fact, Unranked } from "./subject.ts";

/** What two captures say differently, what could not be compared, and who was compared with whom. */
export type Comparison = Readonly<{
  differences: readonly Difference[];
  pairing: Pairing;
  /** Parts that only one of them holds; a sentence each. */
  notCompared: readonly string[];
}>;

/** What must differ between two clusters and is therefore never named; a sentence for people. */
export const ignored =
  "Not compared, as it must differ: addresses, ports, paths, names of nodes, slots and clusters, system identifiers, and the state of the moment.";

/** The most likely to matter first. Pure. */
export function compareCaptures(left: Capture, right: Capture): Comparison {
  const pairing = pairNodes(left, right);
  const names = new Map(pairing.pairs.map((pair) => [pair.right, pair.left]));
  const notCompared = new Set<string>();
  const nodes = pairing.pairs.flatMap((pair) => {
    const [one, other] = [left.nodes[pair.left], right.nodes[pair.right]];
    if (one === undefined || other === undefined) return [];
    const facts = [nodeFacts(left, one, new Map()), nodeFacts(right, other, names)] as const;
    const of = pair.left === pair.right ? pair.left : `${pair.left} and ${pair.right}`;
    const onOneSide = (part: string) => notCompared.add(`${part} of ${of}: not captured, or not whole, on one side.`);
    return nodeDifferences(facts, onOneSide).map((difference) => ({ ...difference, nodes: [pair.left] }));
  });
  const clusters = clusterDifferences([clusterFacts(left), clusterFacts(right)], (part) =>
    notCompared.add(`${part}: not captured, or not whole, on one side.`),
  );
  const cibs = compareCibs(left.pacemaker?.cib, right.pacemaker?.cib, names, (why) => notCompared.add(why));
  const all = [...together(nodes, pairing.pairs.length), ...clusters, ...cibs].map(ranked);
  return {
    differences: all.toSorted(byRank).map(({ within: _, ...difference }) => difference),
    pairing,
    notCompared: [...notCompared],
  };
}

const partNames: Readonly<Record<keyof NodeFacts | keyof ClusterFacts, string>> = {
  settings: "Settings",
  roleSettings: "Settings of roles",
  server: "The server",
  access: "Access rules",
  machine: "The machine",
  patroni: "Patroni's configuration",
  manager: "The manager",
  topology: "Topology",
  extensions: "Extensions",
  pacemaker: "Pacemaker and Corosync",
};

function nodeDifferences([left, right]: readonly [NodeFacts, NodeFacts], onOneSide: (part: string) => void) {
  return (Object.keys(left) as (keyof NodeFacts)[]).flatMap((part): readonly Unranked[] => {
    const [ours, theirs] = [left[part], right[part]];
    if (ours === undefined || theirs === undefined) {
      if (ours !== theirs) onOneSide(partNames[part]);
      return [];
    }
    if (part === "access") return accessDifferences(ours, theirs);
    if (part === "machine") return machineDifferences(ours, theirs, onOneSide);
    // What exists in one version only, and was set in none, follows from the version.
    return differencesOf(ours, theirs).filter(
      ({ left, right, onlyDefaults, subject }) =>
        (left !== null && right !== null) ||
        !(subject.kind === "fixed" || (subject.kind === "setting" && onlyDefaults)),
    );
  });
}

/** A machine that does not say a thing has it all the same: that one side lacks it is no difference. */
function machineDifferences(left: readonly Fact[], right: readonly Fact[], onOneSide: (part: string) => void) {
  const places = [left, right].map((facts) => new Set(facts.map(({ where }) => where)));
  const untold = [...left, ...right]
    .map(({ where }) => where)
    .filter((where) => !places.every((known) => known.has(where)));
  if (untold.length > 0) onOneSide(untold.join(", "));
  return differencesOf(left, right).filter(({ where }) => !untold.includes(where));
}

function clusterDifferences([left, right]: readonly [ClusterFacts, ClusterFacts], onOneSide: (part: string) => void) {
  return (Object.keys(left) as (keyof ClusterFacts)[]).flatMap((part): readonly Unranked[] => {
    const [ours, theirs] = [left[part], right[part]];
    if (ours !== undefined && theirs !== undefined) return differencesOf(ours, theirs);
    if (ours !== theirs) onOneSide(partNames[part]);
    return [];
  });
}

/** By where they are; a fact that one side has several times is compared as a list. */
function differencesOf(left: readonly Fact[], right: readonly Fact[]): readonly Unranked[] {
  const [ours, theirs] = [gathered(left), gathered(right)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((where) => {
    const [one, other] = [ours.get(where), theirs.get(where)];
    if (one?.value === other?.value) return [];
    const { subject, isList } = one ?? other ?? {};
    if (subject === undefined) return [];
    const [text, otherText] = [one?.value ?? null, other?.value ?? null];
    return [
      {
        where,
        left: isList ? wordsOnlyIn(text, otherText) : text,
        right: isList ? wordsOnlyIn(otherText, text) : otherText,
        subject,
        onlyDefaults: (one?.isDefault ?? true) && (other?.isDefault ?? true),
      },
    ];
  });
}

function wordsOnlyIn(text: string | null, other: string | null): string | null {
  const others = new Set(other?.split(" "));
  return (
    text
      ?.split(" ")
      .filter((word) => !others.has(word))
      .join(" ") || null
  );
}

function gathered(facts: readonly Fact[]): ReadonlyMap<string, Fact> {
  const found = new Map<string, Fact>();
  for (const fact of facts) {
    const before = found.get(fact.where);
    found.set(fact.where, before === undefined ? fact : { ...fact, value: `${before.value}; ${fact.value}` });
  }
  return found;
}

/** The rules one by one; the order only where they are otherwise the same, for the first that matches decides. */
function accessDifferences(left: readonly Fact[], right: readonly Fact[]): readonly Unranked[] {
  const subject = { kind: "access" } as const;
  const texts = (facts: readonly Fact[]) => facts.map(({ value }) => value);
  const without = (some: readonly string[], others: readonly string[]) => [
    ...new Set(some.filter((one) => !others.includes(one))),
  ];
  const [ours, theirs] = [texts(left), texts(right)];
  const found = [
    ...without(ours, theirs).map((rule) => ({ where: "access rule", left: rule, right: null, subject })),
    ...without(theirs, ours).map((rule) => ({ where: "access rule", left: null, right: rule, subject })),
  ];
  const [unique, others] = [[...new Set(ours)], [...new Set(theirs)]];
  if (found.length > 0 || unique.join("\n") === others.join("\n")) return found;
  return [{ where: "order of the access rules", left: unique.join("; "), right: others.join("; "), subject }];
}

/** What several nodes differ in alike is one difference; `nodes` is left out where all of them do. */
function together(found: readonly Unranked[], pairs: number): readonly Unranked[] {
  const groups = Map.groupBy(found, ({ where, left, right }) => JSON.stringify([where, left, right]));
  return [...groups.values()].flatMap((same) => {
    const { nodes: _, ...first } = same[0] as Unranked;
    const nodes = [...new Set(same.flatMap((one) => one.nodes ?? []))];
    return [nodes.length === pairs ? first : { ...first, nodes }];
  });
}

type Sortable = Difference & { within: number };

function ranked({ onlyDefaults, ...found }: Unranked): Sortable {
  const { rank, within, why } = rankOf(found.subject, found.left, found.right);
  const isSetting = found.subject.kind === "setting";
  const reason =
    found.why ??
    (isSetting && onlyDefaults ? `${why} Nobody set it: the default is another in the other version.` : why);
  return { ...found, rank, within: found.why === undefined ? within : -1, why: reason };
}

function byRank(one: Sortable, other: Sortable): number {
  return one.rank - other.rank || one.within - other.within || one.where.localeCompare(other.where, "en");
}
