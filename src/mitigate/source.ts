import { aimsOf, isLoopback, isSameServer, namesIn, type Resolved } from "../drivers/postgres/endpoints.ts";
import { isTelling, nodesBehind } from "../drivers/postgres/names.ts";
import type { NodeObservation } from "../drivers/postgres/observe.ts";
import { endpoint } from "../system/address.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts } from "./cluster-facts.ts";

/* From whom a standby streams. What cannot be told of that is unknown, and may be anybody. */

/** Nothing listens there: a receiver that is aimed at it stops. */
export const nowhere = { host: "127.0.0.1", port: 1 } as const;
const nowhereText = endpoint(nowhere.host, nowhere.port);

export type Source =
  | Readonly<{ kind: "node"; node: NodeFacts }>
  /** It is aimed at nothing, at nowhere, or at itself. */
  | Readonly<{ kind: "nobody" }>
  /**
   * `address`: one that belongs to none of the declared nodes, as far as can be told; undefined where there is none.
   * `nodes`: those that it may be besides. `streams`: WAL comes from there.
   */
  | Readonly<{ kind: "unknown"; address?: string; nodes: readonly NodeFacts[]; streams: boolean }>;

/** Where a running receiver has its WAL from says more than the setting, which may lead elsewhere by now. Pure. */
export function sourceOf(facts: ClusterFacts, standby: AnsweringNode): Source {
  const { receiver, settings } = standby.observation;
  // A receiver says that it streams before it has connected; one of which we may not see more counts as one that does.
  const streams = receiver !== null && receiver.heard !== false;
  const aims = aimsNow(standby.observation);
  const leads = leadsOf(facts.nodes, standby, aims, facts.resolved);
  if (leads.length === 0 && (aims.length > 0 || (settings.primaryConninfo === "" && !streams)))
    return { kind: "nobody" };
  const nodes = [...new Set(leads.flatMap(({ to }) => to))].filter((one) => one.node !== standby.node);
  const strange = leads.find(({ to }) => to.length === 0)?.aim;
  const [node] = nodes;
  if (node !== undefined && nodes.length === 1 && strange === undefined) return { kind: "node", node };
  const sender = receiver === null ? undefined : senderOf(facts, standby);
  if (sender !== undefined) return { kind: "node", node: sender };
  const address = strange?.[0] ?? (leads.length === 0 ? "a server of which it does not tell the address" : undefined);
  return { kind: "unknown", ...(address === undefined ? {} : { address }), nodes, streams };
}

type Place = Readonly<{ node: string; address?: string; addresses?: readonly string[] }>;

/** Which nodes may be at each address that a standby is aimed at. Not those of nobody: nowhere, and its own. Pure. */
export function leadsOf<T extends Place>(
  nodes: readonly T[],
  standby: Place,
  aims: readonly (readonly string[])[],
  resolved: Resolved | undefined,
): readonly Readonly<{ aim: readonly string[]; to: readonly T[] }>[] {
  const isNobody = (aim: readonly string[], [one, ...others]: readonly T[]) =>
    one === undefined ? aim.includes(nowhereText) : others.length === 0 && one.node === standby.node;
  // That of its own machine, which is ours only where the standby runs here as well.
  const isHere = addressesOf(standby).some((own) => isLoopback(own));
  const isAt = (node: T, aim: readonly string[]) =>
    aim.some(
      (one) =>
        (isHere || !isLoopback(one)) &&
        // What a name is to this machine (127.0.1.1, its own) it need not be to that of the standby.
        (addressesOf(node).includes(one) ||
          ((isHere || !isLoopback(one, resolved)) && isAddressOf({ resolved }, node, one))),
    );
  return aims
    .map((aim) => ({ aim, to: nodes.filter((node) => isAt(node, aim)) }))
    .filter(({ aim, to }) => !isNobody(aim, to));
}

/** The declared node from which this standby replicates. */
export function upstreamOf(facts: ClusterFacts, standby: AnsweringNode): NodeFacts | undefined {
  const source = sourceOf(facts, standby);
  return source.kind === "node" ? source.node : undefined;
}

export type Stranger = Readonly<{ address: string; streams: boolean }>;

/** The server from which this standby streams or is set to, where that is none of the declared nodes, as far as can be told. */
export function strangerOf(facts: ClusterFacts, standby: AnsweringNode): Stranger | undefined {
  const source = sourceOf(facts, standby);
  if (source.kind !== "unknown" || source.address === undefined) return undefined;
  return { address: source.address, streams: source.streams };
}

/** How a person says whose an address is. */
export function declareText(address: string): string {
  return `If ${address} is one of the nodes, say so in the system file: \`replication:\` of that node. If it is another server, declare it as a node.`;
}

/** An address that is this node's; of one that is not, it cannot be told. */
export function isAddressOf(
  { resolved }: Readonly<{ resolved?: Resolved | undefined }>,
  node: Place,
  one: string,
): boolean {
  return addressesOf(node).some((own) => isSameServer(own, one, resolved));
}

function addressesOf({ address, addresses = address === undefined ? [] : [address] }: Place): readonly string[] {
  return addresses;
}

/** Of several in primary_conninfo the one that its receiver is connected to. */
export function aimsNow({ receiver, settings }: NodeObservation): readonly (readonly string[])[] {
  const set = aimsOf(settings.primaryConninfo);
  if (receiver?.senderHost == null) return set;
  const sender = endpoint(receiver.senderHost, receiver.senderPort);
  return [set.find((aim) => aim.includes(sender)) ?? [sender]];
}

/** Who sends to it by its own account: by a slot, or a name that somebody gave it. `walreceiver` may be anybody's. */
function senderOf(facts: ClusterFacts, standby: AnsweringNode): NodeFacts | undefined {
  return facts.nodes.find((sender) => {
    const rows = sender.node === standby.node ? [] : (sender.observation?.standbys ?? []);
    const claimants = facts.nodes
      .filter((one) => one !== sender)
      .map((one) => ({
        node: one.node,
        host: null,
        name: one.applicationName ?? null,
        slot: one.observation?.receiver?.slotName ?? null,
        streamsHere: one.observation?.role === "primary" ? false : null,
      }));
    const behind = nodesBehind(rows, claimants);
    return rows.some(
      ({ slotName, applicationName }, at) =>
        behind[at]?.join() === standby.node &&
        ((slotName !== null && slotName === standby.observation.receiver?.slotName) ||
          (isTelling(applicationName) && applicationName === standby.applicationName)),
    );
  });
}

/** The names to be resolved before it can be told where these aims lead. @param declared all nodes' endpoints */
export function namesToResolve(aims: readonly (readonly string[])[], declared: readonly string[]): readonly string[] {
  const isPlain = (aim: readonly string[]) => aim.some((one) => one === nowhereText || declared.includes(one));
  return aims.every(isPlain) ? [] : namesIn([...aims.flat(), ...declared]);
}
