import { parseConninfo } from "../../drivers/postgres/conninfo.ts";
import type { NodeObservation } from "../../drivers/postgres/observe.ts";
import { hostAndPort } from "../../system/address.ts";
import type { CapturedServer, Role } from "./schema.ts";

/** What is known of a node for finding out who streams from whom; no observation where it could not be asked. */
export type Seen = Readonly<{
  node: string;
  url: string;
  clusterName: string | undefined;
  observation: NodeObservation | undefined;
}>;

export type Place = Readonly<{ role: Role } & Pick<CapturedServer, "streamsFrom" | "standbys">>;

/** The role and the streams of every node, with the nodes' names in the place of addresses where they are known. Pure. */
export function topologyOf(seen: readonly Seen[]): ReadonlyMap<string, Place> {
  const streams = new Map<string, { from: string; syncState: string }>();
  const standbys = new Map<string, { node: string; state: string; syncState: string }[]>();
  for (const sender of seen) {
    const list = (sender.observation?.standbys ?? []).map(({ applicationName, clientAddress, state, syncState }) => {
      const node = standbyNamed(seen, sender.node, applicationName, clientAddress);
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

/** By the name under which it streams; else by its address, where only one node has it. */
function standbyNamed(
  seen: readonly Seen[],
  sender: string,
  applicationName: string,
  clientAddress: string | null,
): string | undefined {
  const others = seen.filter(({ node }) => node !== sender);
  const named =
    others.find((one) => streamName(one) === applicationName) ?? others.find(({ node }) => node === applicationName);
  if (named !== undefined) return named.node;
  const there = others.filter(({ url }) => hostAndPort(url)?.host === clientAddress);
  return there.length === 1 ? there[0]?.node : undefined;
}

/** primary_conninfo's application_name, else cluster_name (walreceiver.c). */
function streamName({ observation, clusterName }: Seen): string | undefined {
  if (observation?.role !== "standby") return undefined;
  try {
    const own = parseConninfo(observation.settings.primaryConninfo).application_name;
    return own ?? (clusterName === "" ? undefined : clusterName);
  } catch {
    return clusterName; // Not for us to see: then the other name is all there is.
  }
}

function senderOf(seen: readonly Seen[], observation: NodeObservation | undefined): string | undefined {
  const { senderHost: host, senderPort: port } = observation?.receiver ?? {};
  if (host == null) return undefined;
  const at = (url: string) => {
    const address = hostAndPort(url);
    return address?.host === host && address.port === (port ?? 5432);
  };
  return seen.find(({ url }) => at(url))?.node ?? `${host}:${port ?? 5432}`;
}
