import { isSameName } from "../drivers/postgres/names.ts";
import {
  formatSynchronousNames,
  isSynchronousName,
  parseSynchronousNames,
  type SynchronousNames,
} from "../drivers/postgres/synchronous-names.ts";
import type { Cluster } from "../system/schema.ts";
import type { DatedPromise } from "../timeline/promise-record.ts";
import { type ClusterFacts, type NodeFacts, nodeFacts } from "./cluster-facts.ts";
import type { Lines } from "./lines.ts";
import { linesOf, type StandbyHolder } from "./old-primary.ts";
import { commitVerdict, mayForget } from "./commit-level.ts";

/**
 * Can a failover lose a write that was acknowledged?
 *
 * A write acknowledged under "k of the standbys S" is on at least k members of S. So at least one standby that can be
 * reached has it if, and only if, fewer than k members of S cannot be reached. Because the log is one sequence, the
 * standby that received most has then every acknowledged write. This holds for FIRST as well as for ANY: with FIRST,
 * the k are the first that were connected at that moment, which may have been any k of them.
 */
export type LossVerdict =
  | Readonly<{ kind: "none"; why: string }>
  /** `unwritten`: commits may have been acknowledged before they were in its own WAL; its end says nothing of them. */
  | Readonly<{ kind: "possible"; why: string; missing: readonly string[]; unwritten?: true }>
  | Readonly<{ kind: "unknown"; why: string; unwritten?: true }>;

/** What the last primary promised to its clients, as far as it is known; `names` undefined: to wait for nobody. */
export type SynchronousPromise = Readonly<{ names: SynchronousNames | undefined }>;

export function promiseOf(primary: NodeFacts): SynchronousPromise | undefined {
  return understood(settingsOf(primary))[0];
}

/**
 * What it said when it was last seen, what a plan has set since, and what its files say now: it may have run with any of
 * them.
 */
function settingsOf(primary: NodeFacts, promises: ClusterFacts["promises"] = []): readonly string[] {
  const { observation, remembered, configured, node } = primary;
  if (observation !== undefined) return [observation.settings.synchronousStandbyNames];
  // Of what a plan was about to set it is not known when that came to it: what was seen meanwhile may have been before.
  const isLater = ({ replaces, position }: DatedPromise) =>
    replaces !== undefined || position > (remembered?.position ?? 0);
  const set = promises.find((one) => one.node === node && isLater(one));
  return [
    remembered?.role === "primary" ? remembered.synchronousStandbyNames : undefined,
    set?.setting,
    set?.replaces,
    // Where that plan stopped before it promoted the node, commits never waited for what it set.
    set?.beforePromotion === true ? set.meant : undefined,
    configured?.synchronousStandbyNames,
  ].filter((one) => one !== undefined);
}

export function promisesOf(primary: NodeFacts, { promises }: ClusterFacts): readonly SynchronousPromise[] {
  return understood(settingsOf(primary, promises));
}

function understood(settings: readonly string[]): readonly SynchronousPromise[] {
  return settings.flatMap((setting) => {
    try {
      return [{ names: parseSynchronousNames(setting) }];
    } catch (error) {
      if (error instanceof SyntaxError) return [];
      throw error;
    }
  });
}

/** @param lines the standbys, sorted by the line on which this primary wrote */
export function lossVerdict(
  cluster: Cluster,
  facts: ClusterFacts,
  primary: NodeFacts,
  lines: Lines<StandbyHolder> = linesOf(facts, primary),
): LossVerdict {
  const unwaited = commitVerdict(primary, lines);
  if (unwaited !== undefined) return unwaited;
  const promises = promisesOf(primary, facts);
  const settings = settingsOf(primary, facts.promises);
  if (promises.length < settings.length)
    return {
      kind: "unknown",
      why: `It is not known which standbys ${primary.node} waited for: its synchronous_standby_names cannot be understood (${settings.join("; ")}).`,
    };
  // Where these differ, it may have run with any of them.
  const verdicts = promises.map((promise) => verdictOf(promise, cluster, facts, primary, lines));
  return (
    verdicts.find((one) => one.kind !== "none") ??
    verdicts[0] ?? {
      kind: "unknown",
      why: `It is not known which standbys ${primary.node} waited for: no earlier observation is stored, and its configuration cannot be read.`,
    }
  );
}

function verdictOf(
  { names }: SynchronousPromise,
  cluster: Cluster,
  facts: ClusterFacts,
  primary: NodeFacts,
  lines: Lines<StandbyHolder>,
): LossVerdict {
  if (names === undefined) return { kind: "possible", why: asynchronousText(cluster, primary), missing: [] };
  const unreachable = unreachableMembers(names, facts, primary, lines);
  const setting = formatSynchronousNames(names);
  const answers = (name: string) => nodeFacts(facts, name)?.observation !== undefined;
  const [answering, silent] = [unreachable.filter(answers), unreachable.filter((name) => !answers(name))];
  const isLockedOut = (name: string) => nodeFacts(facts, name)?.lockedOut === true;
  const without = withoutText(answering, silent, isLockedOut);
  if (unreachable.length < names.count)
    return {
      kind: "none",
      why: `Every acknowledged write is on ${names.count} of the standbys in ${setting}; ${unreachable.length === 0 ? "all of them answer" : `only ${without}`}.`,
    };
  return {
    kind: "possible",
    why: `Every acknowledged write is on ${names.count} of the standbys in ${setting}, but ${without}, and may hold writes that no other has.`,
    missing: silent,
  };
}

function withoutText(
  answering: readonly string[],
  silent: readonly string[],
  isLockedOut: (name: string) => boolean,
): string {
  const [locked, gone] = [silent.filter(isLockedOut), silent.filter((name) => !isLockedOut(name))];
  return [
    ...(gone.length === 0 ? [] : [`${gone.join(", ")} cannot be reached`]),
    ...(locked.length === 0 ? [] : [`${locked.join(", ")} runs and refuses our login`]),
    ...(answering.length === 0
      ? []
      : [`${answering.join(", ")} cannot be promoted, does not say what it holds, or may have lost it`]),
  ].join("; ");
}

/**
 * The members of S that cannot be asked now: declared standbys that do not answer or would not tell what they hold, and
 * names that no node bears. One on another branch has nothing of the line beyond the fork that another needs.
 */
export function unreachableMembers(
  names: SynchronousNames,
  facts: ClusterFacts,
  primary: NodeFacts,
  { onLine, branches }: Lines<StandbyHolder>,
): readonly string[] {
  const others = facts.nodes.filter((one) => one.node !== primary.node);
  const forgets = mayForget(primary);
  const holders = [...onLine, ...branches.map((one) => one.holder)].filter((one) => !forgets(one.facts));
  const reachable = new Set(holders.map((one) => one.node));
  const silent = others.filter((one) => !reachable.has(one.node));
  // One whose name was never seen may be any of them.
  const declared = silent.filter(({ applicationName: own }) => own === undefined || isSynchronousName(names, own));
  const unknown = names.names.filter(
    (name) =>
      name !== "*" &&
      !facts.nodes.some((one) => one.applicationName !== undefined && isSameName(one.applicationName, name)) &&
      !declared.some((one) => one.applicationName === undefined && isSameName(one.node, name)),
  );
  return [...declared.map((one) => one.node), ...unknown, ...undeclaredStandbys(names, facts, primary)];
}

/** A standby that the file does not declare counted too, if it had one of the names. */
function undeclaredStandbys(names: SynchronousNames, facts: ClusterFacts, primary: NodeFacts): readonly string[] {
  const { remembered } = primary;
  // Never seen: whether others counted as well nobody can tell.
  if (remembered === undefined && primary.observation === undefined && names.names.includes("*"))
    return ["any other standby"];
  const isDeclared = (node: string) => facts.nodes.some((one) => one.node === node);
  return (remembered?.standbys ?? [])
    .filter(({ node, name = node }) => !isDeclared(node) && isSynchronousName(names, name))
    .map(({ node, name = node, address }) => (address === undefined ? name : `${name} at ${address}`));
}

function asynchronousText(cluster: Cluster, primary: NodeFacts): string {
  const base = `${primary.node} waited for no standby (synchronous_standby_names was empty): its last acknowledged writes may be on it alone.`;
  return cluster.synchronous > 0 ? `${base} The system file asks for ${cluster.synchronous}.` : base;
}

/** Nobody can see which sessions asked for less. */
export const sessionStatement =
  "A session that set synchronous_commit to off or local asked not to wait; whether there were any cannot be known.";
