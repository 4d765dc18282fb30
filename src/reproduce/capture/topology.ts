import { type Claimant, nameBySettings, nodesBehind } from "../../drivers/postgres/names.ts";
import type { NodeObservation } from "../../drivers/postgres/observe.ts";
import { endpoint, hostAndPort, serverOf } from "../../system/address.ts";
import type { CapturedServer, Role } from "./schema.ts";

/** What is known of a node for finding out who streams from whom; no observation where it could not be asked. */
export type Seen = Readonly<{
  node: string;
  url: string;
  observation: NodeObservation | undefined;
}>;

export type Place = Readonly<{ role: Role } & Pick<CapturedServer, "streamsFrom" | "standbys">>;

/** The role and the streams of every node, with the nodes' names in the place of addresses where they are known. Pure. */
export function topologyOf(seen: readonly Seen[]): ReadonlyMap<string, Place> {
  const streams = new Map<string, { from: string; syncState: string }>();
  const standbys = new Map<string, { node: string; state: string; syncState: string }[]>();
  for (const sender of seen) {
    const rows = sender.observation?.standbys ?? [];
    const behind = nodesBehind(rows, claimants(seen, sender));
    const list = rows.map(({ applicationName, state, syncState }, at) => {
      // Of several that share a name and an address each is one.
      const earlier = behind.slice(0, at).filter(([first]) => first === behind[at]?.[0]).length;
      const node = behind[at]?.[earlier];
      if (node !== undefined) streams.set(node, { from: sender.node, syncState });
      return { node: node ?? applicationName, state, syncState };
    });
    if (list.length > 0) standbys.set(sender.node, list);
  }
  return new Map(
    seen.map(({ node, observation }) => {
      const stream = streams.get(node);
      const from = stream?.from ?? senderOf(seen, observation);
      const list = standbys.get(node);
      return [
        node,
        {
          role: roleOf(observation, stream?.syncState),
          ...(from === undefined ? {} : { streamsFrom: from }),
          ...(list === undefined ? {} : { standbys: list }),
        },
      ];
    }),
  );
}

function roleOf(observation: NodeObservation | undefined, syncState: string | undefined): Role {
  if (observation === undefined) return "unknown";
  if (observation.role === "primary") return "primary";
  if (syncState === undefined) return "standby";
  return syncState === "sync" || syncState === "quorum" ? "synchronous" : "asynchronous";
}

function claimants(seen: readonly Seen[], sender: Seen): readonly Claimant[] {
  return seen
    .filter((one) => one !== sender)
    .map(({ node, url, observation }) => ({
      node,
      host: hostAndPort(url)?.host ?? null,
      name: (observation && (observation.receiver?.name ?? nameBySettings(observation.settings) ?? null)) ?? null,
      slot: observation?.receiver?.slotName ?? null,
      streamsHere: observation?.role === "primary" ? false : null,
    }));
}

function senderOf(seen: readonly Seen[], observation: NodeObservation | undefined): string | undefined {
  const { senderHost: host, senderPort: port } = observation?.receiver ?? {};
  if (host == null) return undefined;
  const sender = endpoint(host, port);
  return seen.find(({ url }) => serverOf(url) === sender)?.node ?? sender;
}
