import { BlackstartError, messageOf } from "../base/error.ts";
import { delay, systemClock } from "../base/time.ts";
import { addressOf } from "../drivers/postgres/conninfo.ts";
import { endpointsOf, ledAstrayBy, namesIn, readEndpoint, type Resolved } from "../drivers/postgres/endpoints.ts";
import type { Instance } from "../drivers/postgres/instance.ts";
import type { Identity } from "../drivers/postgres/instance/identity.ts";
import { nameAsStandby, nameBySettings } from "../drivers/postgres/names.ts";
import type { NodeObservation } from "../drivers/postgres/observe.ts";
import { resolveNames } from "../drivers/resolve.ts";
import { endpoint } from "../system/address.ts";
import { promisesOfNodes } from "../timeline/promise-record.ts";
import { clusterOf, nodeOf } from "../system/names.ts";
import { readClientsAddress } from "../drivers/clients/address-file.ts";
import { askDatabase } from "./ask-database.ts";
import { type ClusterFacts, type NodeFacts, primariesOf } from "./cluster-facts.ts";
import type { MitigationContext } from "./context.ts";
import { withFollowing } from "./following.ts";
import { writtenUpTo } from "./dead-server.ts";
import { withLimit } from "./host-limit.ts";
import { noteLook } from "./host-look.ts";
import { lossVerdict } from "./loss.ts";
import { type Memory, memoriesOf, primaryInPlans } from "./memory.ts";
import { lastPrimaryOf } from "./old-primary.ts";
import { type Housed, misplacedNext, notItsOwn, withSuspects } from "./own-directory.ts";
import { aimsNow, namesToResolve } from "./source.ts";
import { withWitnesses } from "./witnesses.ts";

/** Longer than any healthy answer; a person waits for it, and so do clients. */
const hostTimeoutMs = 5000;

/**
 * Asks everything that a planner needs, of all nodes at once. Changes nothing.
 * @param hosts of which nodes the host is asked as well. `silent`: of those that do not answer themselves, which is
 *   enough for a failover, where clients wait
 */
export async function gatherFacts(
  context: MitigationContext,
  clusterName: string,
  hosts: "all" | "silent" = "all",
): Promise<ClusterFacts> {
  const cluster = clusterOf(context.system, clusterName);
  const clock = context.clock ?? systemClock;
  const beganMs = clock.monotonicMs();
  const memories = await memoriesOf(context.timeline, clusterName);
  const promises = await promisesOfNodes(context.timeline, clusterName);
  const [clientsAddress, ...asked] = await Promise.all([
    // One that cannot be read keeps nobody from bringing the database back; the step that writes it says what is wrong.
    readClientsAddress(cluster.clients?.file).catch(() => undefined),
    ...Object.keys(cluster.nodes).map((node) => factsOf(context, clusterName, node, memories(node), hosts)),
  ]);
  const nodes = await withOwnDirectories(context, clusterName, asked);
  const isKnown = nodes.some((one) => one.observation?.role === "primary" || one.remembered?.role === "primary");
  const inPlans = isKnown ? undefined : await primaryInPlans(context.timeline, clusterName);
  const facts: ClusterFacts = {
    cluster: clusterName,
    nodes: nodes.map((one) => named(one, nodes)),
    ...(inPlans === undefined ? {} : { primaryInPlans: inPlans }),
    promises,
    resolved: Object.assign({}, ...asked.map((one) => one.resolved)) as Resolved,
    ...(clientsAddress === undefined ? {} : { clientsAddress }),
  };
  const known = await withWitnesses(
    context,
    await withDeadServers(context, await resolveClients(facts)),
    () => clock.monotonicMs() - beganMs,
  );
  return withFollowing(context, known);
}

/** @property identity of the directory that its host sees, where it was asked */
type Asked = Readonly<{ facts: NodeFacts; identity?: Identity; resolved: Resolved }>;

async function factsOf(
  context: MitigationContext,
  cluster: string,
  node: string,
  memory: Memory,
  hosts: "all" | "silent",
): Promise<Asked> {
  const declared = nodeOf(context.system, cluster, node);
  const address = addressOf(declared.url);
  const astray = ledAstrayBy(node, clusterOf(context.system, cluster).nodes);
  const { promise: letIn, resolve } = Promise.withResolvers<void>();
  const asked = askDatabase(context, cluster, node, memory.remembered?.role !== "primary", { letIn: resolve });
  const resolving = asked.then(({ observation }) => resolveAims(context, cluster, observation));
  const [database, { identity, ...host }, resolved] = await Promise.all([
    asked,
    hosts === "all" || !(await answersSoon(asked, letIn)) ? askHost(context, cluster, node) : ({} as HostFacts),
    resolving,
  ]);
  const facts: NodeFacts = {
    node,
    address: endpoint(address.host, address.port),
    addresses: endpointsOf(declared),
    ...(astray.length > 0 && { astray }),
    ...database,
    ...host,
    ...(identity?.lock && { startedAtMs: identity.lock.startedAtMs }),
    ...memory,
  };
  return { facts, ...(identity && { identity }), resolved };
}

/** Only where the standby's setting is written otherwise than the system file. */
async function resolveAims(
  { system }: MitigationContext,
  cluster: string,
  observation: NodeObservation | undefined,
): Promise<Resolved> {
  if (observation?.role !== "standby") return {};
  const declared = Object.values(clusterOf(system, cluster).nodes).flatMap(endpointsOf);
  return resolveNames(namesToResolve(aimsNow(observation), declared));
}

/** Of two primaries, it matters which one the clients use. */
async function resolveClients(facts: ClusterFacts): Promise<ClusterFacts> {
  if (facts.clientsAddress === undefined || primariesOf(facts).length < 2) return facts;
  const declared = facts.nodes.flatMap(({ address, addresses }) => addresses ?? address);
  const names = namesIn([readEndpoint(facts.clientsAddress), ...declared]);
  return { ...facts, resolved: { ...facts.resolved, ...(await resolveNames(names)) } };
}

/** Nothing of what a host sees is believed where it looks at another node's directory. */
async function withOwnDirectories(
  context: MitigationContext,
  cluster: string,
  asked: readonly Asked[],
): Promise<readonly NodeFacts[]> {
  const housed = asked.map(({ facts: { node, reach, observation, instance }, identity }): Housed => {
    return {
      node,
      reach,
      ...(observation && { server: observation }),
      ...(instance && { state: instance }),
      ...(identity && { identity }),
    };
  });
  const known = await withSuspects(context, cluster, housed);
  return asked.map(({ facts }, at) => {
    const problem = notItsOwn(known[at] as Housed, known);
    if (problem === undefined) return facts;
    const { instance: _, startedAtMs: _started, configured: _configured, onDisk: _disk, ...rest } = facts;
    return { ...rest, hostProblem: problem, hostNext: misplacedNext(facts.node), misplaced: true };
  });
}

/** A healthy server lets us in sooner, however busy its machine; the host of one that hangs is asked meanwhile. */
const letInMs = 50;
/** One that let us in may hang all the same. */
const answerMs = 500;

async function answersSoon(asked: Promise<Pick<NodeFacts, "reach">>, letIn: Promise<void>): Promise<boolean> {
  const over = new AbortController();
  const isAnswer = asked.then(({ reach }) => reach === "answers");
  const late = (ms: number) => delay(ms, over.signal).then(...alwaysFalse);
  try {
    const isIn = await Promise.race([isAnswer, letIn.then(() => true), late(letInMs)]);
    return isIn && (await Promise.race([isAnswer, late(answerMs)]));
  } finally {
    over.abort();
  }
}

const alwaysFalse = [() => false, () => false] as const;

/** Asked of those that answer, remembered of those that do not; of a primary, what it will be once it is a standby. */
function named(one: NodeFacts, all: readonly NodeFacts[]): NodeFacts {
  const { observation, remembered } = one;
  const others = all.flatMap((other) => (other === one || !other.observation ? [] : [other.observation.settings]));
  const name =
    observation?.role === "primary"
      ? nameAsStandby(one.node, observation.settings, others)
      : (observation?.receiver?.name ?? (observation && nameBySettings(observation.settings)) ?? remembered?.name);
  return name === undefined ? one : { ...one, applicationName: name };
}

type HostFacts = Pick<NodeFacts, "instance" | "hostProblem" | "hostNext" | "configured" | "onDisk" | "unrepeatable"> &
  Readonly<{ identity?: Identity }>;

async function askHost(context: MitigationContext, cluster: string, node: string): Promise<HostFacts> {
  try {
    const instance = await context.fleet.instance(cluster, node);
    if (instance === undefined) return noInstance(context, cluster, node);
    const { state, identity, disk, configured, unrepeatable } = await withLimit(instance.remains(), hostTimeoutMs);
    if (state.state === "unknown")
      return { identity, hostProblem: `it cannot be told whether it runs. ${state.why.replace(/\.$/, "")}` };
    noteLook(instance, state);
    return {
      instance: state,
      identity,
      ...(configured && { configured }),
      ...(disk && { onDisk: disk }),
      ...(unrepeatable && { unrepeatable }),
    };
  } catch (error) {
    return { hostProblem: messageOf(error).replace(/\.$/, ""), hostNext: hostNextOf(error, node) };
  }
}

function hostNextOf(error: unknown, node: string): string {
  return error instanceof BlackstartError ? error.next : `See that \`host:\` of ${node} is right, and its machine up.`;
}

function noInstance(context: MitigationContext, cluster: string, node: string): HostFacts {
  if (nodeOf(context.system, cluster, node).host === undefined) return { hostProblem: "no `host:` is declared for it" };
  return {
    hostProblem: "its data directory is not known: it was never observed, and no `data:` is declared for it",
    hostNext: `Declare \`data:\` for ${node}.`,
  };
}

/** What can be read of the dead: only where a decision hangs on it, because it takes time. */
async function withDeadServers(context: MitigationContext, facts: ClusterFacts): Promise<ClusterFacts> {
  if (facts.nodes.every((one) => one.observation === undefined)) return withControl(context, facts);
  const primary = lastPrimaryOf(facts);
  if (primary?.instance === undefined || primary.observation !== undefined) return facts;
  const instance = await context.fleet.instance(facts.cluster, primary.node);
  if (instance === undefined) return facts;
  const host = context.fleet.host(clusterOf(context.system, facts.cluster).nodes[primary.node]?.host ?? "local:");
  const verdict = lossVerdict(clusterOf(context.system, facts.cluster), facts, primary);
  const measurable = verdict.kind !== "none" && primary.instance.pids.length === 0;
  const writtenLsn = measurable ? await writtenUpTo(host, instance, facts, primary) : undefined;
  return replaced(facts, { ...primary, ...(writtenLsn === undefined ? {} : { writtenLsn }) });
}

function replaced(facts: ClusterFacts, node: NodeFacts): ClusterFacts {
  return { ...facts, nodes: facts.nodes.map((one) => (one.node === node.node ? node : one)) };
}

async function withControl(context: MitigationContext, facts: ClusterFacts): Promise<ClusterFacts> {
  const nodes = await Promise.all(
    facts.nodes.map(async (one): Promise<NodeFacts> => {
      const instance = one.instance === undefined ? undefined : await context.fleet.instance(facts.cluster, one.node);
      if (instance === undefined) return one;
      try {
        return { ...one, control: await withLimit(controlOf(instance), hostTimeoutMs) };
      } catch (error) {
        return { ...one, hostProblem: messageOf(error).replace(/\.$/, ""), hostNext: hostNextOf(error, one.node) };
      }
    }),
  );
  return { ...facts, nodes };
}

function controlOf(instance: Instance) {
  return instance.control();
}
