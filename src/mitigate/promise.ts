import { isSameName, nameAsStandby } from "../drivers/postgres/names.ts";
import {
  formatSynchronousNames,
  isAsRecorded,
  isSynchronousName,
  parseSynchronousNames,
  type SynchronousNames,
} from "../drivers/postgres/synchronous-names.ts";
import type { Cluster } from "../system/schema.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts, standbysOf } from "./cluster-facts.ts";
import { upstreamOf } from "./source.ts";
import { promiseOf } from "./loss.ts";

/**
 * A node and the name under which it streams; null where that is not known. `spared`: it is waited for only where the
 * promise names it: a cascade, a delayed or paused standby, one that the file spares. A type of data: it stands in steps.
 */
export type Member = Readonly<{ node: string; name: string | null; spared?: boolean }>;

/**
 * What a primary promises: for how many standbys a commit waits, and which. `names`: as declared, in its order; empty
 * where only the number is (the system file's `synchronous`). `old`: the primary that made the promise. `members`: all
 * nodes, those first that are to stand in first.
 */
export type Promised = Readonly<{
  count: number;
  method: "first" | "any";
  names: readonly string[];
  members: readonly Member[];
  old: string;
}>;

/** The promise that this primary made, as far as it is known. The system file may ask for more standbys, never for fewer. */
export function promisedAfter(cluster: Cluster, facts: ClusterFacts, primary: NodeFacts): Promised {
  const names = meantBy(facts, primary);
  const rank = (node: NodeFacts) => (isMeant(names, node) ? 0 : node.node === primary.node ? 1 : 2);
  return {
    count: Math.max(cluster.synchronous, names?.count ?? 0),
    method: names?.method ?? "first",
    names: names?.names ?? [],
    members: [...facts.nodes]
      .sort((a, b) => rank(a) - rank(b))
      .map((one) => ({
        node: one.node,
        name: one.applicationName ?? (one === primary ? likelyName(facts, one) : null),
        ...(isSpared(cluster, facts, one) ? { spared: true } : {}),
      })),
    old: primary.node,
  };
}

/** What was in force, unless a plan lowered it and it was meant to be more. */
function meantBy(facts: ClusterFacts, primary: NodeFacts): SynchronousNames | undefined {
  const set = facts.promises?.find(({ node }) => node === primary.node);
  const { remembered, ...unseen } = primary;
  const isNewer = set !== undefined && primary.observation === undefined && set.position > (remembered?.position ?? 0);
  const known = promiseOf(isNewer ? unseen : primary);
  const isInForce =
    set !== undefined && (known === undefined ? isNewer : isAsRecorded(set, formatSynchronousNames(known.names)));
  return isInForce ? parseSynchronousNames(set.meant) : known?.names;
}

/** Of a primary that cannot be asked: as those are named that follow it, which is how it is brought back. */
function likelyName(facts: ClusterFacts, primary: NodeFacts): string | null {
  const others = standbysOf(facts).map((one) => one.observation.settings);
  const [clusterName, ...more] = new Set(others.map((one) => one.clusterName));
  if (clusterName === undefined) return null;
  const name = nameAsStandby(primary.node, { primaryConninfo: "", clusterName }, others);
  return name === primary.node || more.length === 0 ? name : null;
}

function isSpared(cluster: Cluster, facts: ClusterFacts, one: NodeFacts): boolean {
  const { observation } = one;
  const declared = cluster.nodes[one.node];
  if (declared?.synchronous === "never" || declared?.follows !== undefined) return true;
  if (observation?.role !== "standby") return false;
  const upstream = upstreamOf(facts, { ...one, observation });
  // Its receiver, once ended, is started again only when its replay gets to the end of what it holds.
  return observation.applyDelayMs > 0 || observation.replayPaused || upstream?.observation?.role === "standby";
}

/** Whether the last primary waited for this node. */
export function isMeant(names: SynchronousNames | undefined, node: NodeFacts): boolean {
  return names !== undefined && node.applicationName !== undefined && isSynchronousName(names, node.applicationName);
}

/** Commits are meant to wait for this node by its name, which it can confirm only where it streams from the primary. */
export function isNamed({ names, members }: Promised, node: string): boolean {
  const own = members.find((one) => one.node === node)?.name;
  return own != null && names.some((name) => name !== "*" && isSameName(name, own));
}

/**
 * The same promise once another node is the primary: member for member, with the old primary in the place of the new
 * one, if that was a member. Undefined: commits wait for nobody.
 */
export function promiseUnder(promised: Promised, primary: string): SynchronousNames | undefined {
  const { count, method, old } = promised;
  if (count < 1) return undefined;
  const others = promised.members.filter((one) => one.node !== primary);
  const own = nameOf(promised, primary);
  const former = promised.members.find((one) => one.node === old);
  const oldName = primary === old || former?.spared ? null : (former?.name ?? null);
  const list = new Names(promised.names);
  if (!list.has("*") && own !== null && oldName !== null && list.has(own) && !list.has(oldName))
    list.replace(
      own,
      others.some((one) => one.name !== null && isSameName(one.name, own)) ? [own, oldName] : [oldName],
    );
  // Only a number is declared, or a greater one than the list can keep.
  if (!list.has("*") && bearersOf(list, others).length < count && list.names.length < count)
    for (const { name, spared } of others) if (name !== null && !spared) list.add(name);
  return list.names.length === 0 ? undefined : { method, count, names: list.names };
}

/**
 * What of it can be kept by those that are there now: only names that somebody bears, never more than there are. While
 * too few members are there, others stand in, so that an acknowledged write is on as many standbys as promised.
 */
export function promiseNow(
  promised: Promised,
  primary: string,
  present: readonly Member[],
): SynchronousNames | undefined {
  const meant = promiseUnder(promised, primary);
  if (meant === undefined) return undefined;
  const there = present.filter((one) => one.node !== primary && one.name !== null);
  const list = new Names(meant.names.filter((name) => name === "*" || there.some((one) => isBorne(name, one))));
  for (const one of there) if (bearersOf(list, there).length < meant.count && !one.spared) list.add(one.name as string);
  const count = Math.min(meant.count, bearersOf(list, there).length);
  return count < 1 ? undefined : { method: meant.method, count, names: list.names };
}

/**
 * Those of the streaming names that commits may wait for while too few of the meant ones are there: what the promise
 * names, a node by `*` as well, and nodes that are not spared. What else streams (a logical subscriber, pg_receivewal)
 * could not be promoted with what it confirmed.
 */
export function standIns(
  names: SynchronousNames | undefined,
  members: readonly Member[],
  streaming: readonly string[],
): readonly string[] {
  const listed = new Names(names?.names ?? []);
  const isListed = (name: string) => name !== "*" && listed.has(name);
  const standsIn = (name: string) =>
    members.some(
      (one) =>
        (one.spared !== true || listed.has("*")) && (isBorne(name, one) || (one.name === null && one.node === name)),
    );
  return streaming.filter((name) => isListed(name) || standsIn(name));
}

/** Under which names this primary's log is received by those that confirm it: pg_receivewal without a slot never does. */
export function confirmingFrom({ observation }: AnsweringNode): readonly string[] {
  return observation.standbys
    .filter((one) => one.state === "streaming" && one.flushLsn !== null)
    .map((one) => one.applicationName);
}

/** Those of its members that are among these nodes. */
export function membersAmong({ members }: Promised, nodes: readonly Readonly<{ node: string }>[]): readonly Member[] {
  return members.filter((member) => nodes.some((one) => one.node === member.node));
}

function nameOf({ members }: Promised, node: string): string | null {
  return members.find((one) => one.node === node)?.name ?? null;
}

function isBorne(name: string, { name: own }: Member): boolean {
  return own !== null && isSameName(name, own);
}

/** Several may bear one name. */
function bearersOf(list: Names, members: readonly Member[]): readonly Member[] {
  return members.filter((one) => one.name !== null && (list.has("*") || list.has(one.name)));
}

/** A list of names without repetition. */
class Names {
  names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
  }

  has(name: string): boolean {
    return this.names.some((one) => isSameName(one, name));
  }

  add(name: string): void {
    if (!this.has(name) && !this.has("*")) this.names = [...this.names, name];
  }

  replace(name: string, by: readonly string[]): void {
    this.names = this.names.flatMap((one) => (isSameName(one, name) ? by : [one]));
  }
}
