import { BlackstartError, messageOf } from "../../base/error.ts";
import { hostAndPort, serverOf, withServer } from "../../system/address.ts";
import { isTelling } from "./names.ts";
import { type NodeFacts, ownName } from "./node-facts.ts";

/** A server of the cluster. `url` may hold a password: it is for connecting, never for showing. */
export type DiscoveredNode = Readonly<{
  url: string;
  /** Null where it could not be reached. */
  facts: NodeFacts | null;
  /** As its primary knows it; null where it is not told. */
  applicationName: string | null;
  /** What could not be made sure about it. */
  doubts: readonly string[];
}>;

export type DiscoveredCluster = Readonly<{
  /** The primary first, where there is one. */
  nodes: readonly DiscoveredNode[];
  /** Who else streams, and which standbys could not be placed. */
  notes: readonly string[];
}>;

/** A server that was asked. */
export type Found = { url: string; facts: NodeFacts; applicationName: string | null };

export type Ask = (url: string) => Promise<NodeFacts>;

/** From each server of one cluster to those that stream from it; then everything that is known of the cluster. */
export async function downwards(
  identifier: string,
  found: Found[],
  failures: readonly { url: string; error: unknown }[],
  ask: Ask,
): Promise<DiscoveredCluster> {
  const notes: string[] = [];
  const unreached: DiscoveredNode[] = failures.map(({ url, error }) => ({
    url,
    facts: null,
    applicationName: null,
    doubts: [`it was named, but could not be asked (${reasonOf(error)}); it may be of another cluster`],
  }));
  const claimed = new Set<Found>();
  // The list grows while it is walked: a standby found here may have standbys of its own.
  for (const sender of found)
    for (const standby of sender.facts.systemIdentifier === identifier ? sender.facts.standbys : []) {
      const other = noStandbyReason(sender.facts, standby);
      if (other !== undefined) {
        notes.push(other);
        continue;
      }
      const refusals: Refusal[] = [];
      const known = claimOf(standby, sender, found, claimed) ?? (await reach(standby, sender, found, ask, refusals));
      if (known !== undefined) {
        claimed.add(known);
        if (isTelling(standby.applicationName)) known.applicationName = standby.applicationName;
      } else placeUnreached(standby, sender, refusals[0], { found, unreached, notes });
    }
  const nodes = found
    .filter(({ facts }) => facts.systemIdentifier === identifier)
    .map(
      (node): DiscoveredNode => ({ ...node, applicationName: node.applicationName ?? ownName(node.facts), doubts: [] }),
    );
  // The primary first, the standbys by name: the same file from whichever of them was asked.
  const place = ({ facts, applicationName }: DiscoveredNode) =>
    `${facts?.role === "primary" ? 0 : 1} ${applicationName ?? ""}`;
  return {
    nodes: [...nodes.sort((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0)), ...unreached],
    notes: [...new Set(notes)],
  };
}

type Standby = NodeFacts["standbys"][number];

/** What streams and is no standby. */
function noStandbyReason(facts: NodeFacts, { applicationName, state }: Standby): string | undefined {
  if (state === "backup") return `a base backup is being taken (${applicationName})`;
  if (["pg_receivewal", "pg_basebackup", "pg_recvlogical", "barman_receive_wal"].includes(applicationName))
    return `${applicationName} streams as well; it is no standby`;
  const slot = facts.slots.find((one) => one.kind === "logical" && one.applicationName === applicationName);
  return slot === undefined
    ? undefined
    : `“${applicationName}” reads by the logical slot ${slot.name}; it is no standby`;
}

/** The server among those already asked that this row is about. */
function claimOf(
  standby: Standby,
  sender: Found,
  found: readonly Found[],
  claimed: ReadonlySet<Found>,
): Found | undefined {
  const free = found.filter(
    (node) =>
      node !== sender &&
      node.facts.role === "standby" &&
      node.facts.systemIdentifier === sender.facts.systemIdentifier &&
      !claimed.has(node),
  );
  const named = free.filter(({ facts }) => ownName(facts) === standby.applicationName);
  if (named.length === 1) return named[0];
  // A standby of another name is another standby; of those whose name cannot be seen, the address tells.
  const among = named.length > 0 ? named : free.filter(({ facts }) => ownName(facts) === null);
  const addressed = among.filter(({ url }) => hostAndPort(url)?.host === standby.clientAddress);
  return addressed.length === 1 ? addressed[0] : undefined;
}

/** A PostgreSQL that answers there, but does not let us in. */
type Refusal = Readonly<{ url: string; why: string }>;

/** Tries the ports that it could have at the address it streams from. */
async function reach(
  standby: Standby,
  sender: Found,
  found: Found[],
  ask: Ask,
  refusals: Refusal[],
): Promise<Found | undefined> {
  for (const url of urlsOf(standby, sender)) {
    if (found.some((node) => serverOf(node.url) === serverOf(url))) continue;
    const facts = await askOrRefused(ask, url, refusals);
    if (facts?.role !== "standby" || facts.systemIdentifier !== sender.facts.systemIdentifier) continue;
    // Another standby at the same address.
    if (isTelling(standby.applicationName) && (ownName(facts) ?? standby.applicationName) !== standby.applicationName)
      continue;
    if (add(found, url, facts)) return found.at(-1);
  }
  return undefined;
}

async function askOrRefused(ask: Ask, url: string, refusals: Refusal[]): Promise<NodeFacts | undefined> {
  try {
    return await ask(url);
  } catch (error) {
    // With an SQLSTATE it was a PostgreSQL that answered; without, nobody did, which is told as a doubt.
    if (error instanceof BlackstartError && error.details.sqlstate !== undefined)
      refusals.push({ url, why: messageOf(error.cause ?? error) });
    return undefined;
  }
}

function urlsOf(standby: Standby, sender: Found): readonly string[] {
  const host = standby.clientAddress ?? hostAndPort(sender.url)?.host ?? "localhost";
  const ports = new Set([hostAndPort(sender.url)?.port ?? 5432, 5432]);
  return [...ports].map((port) => withServer(sender.url, host, port));
}

const giveAddress = "give its address as well: blackstart init <url1> <url2>";

/** It goes into the file all the same, if its supposed address is not that of another node; else it is told. */
function placeUnreached(
  standby: Standby,
  sender: Found,
  refusal: Refusal | undefined,
  { found, unreached, notes }: { found: readonly Found[]; unreached: DiscoveredNode[]; notes: string[] },
): void {
  const name = isTelling(standby.applicationName) ? `“${standby.applicationName}”` : "a standby";
  if (standby.state === "unknown" && standby.clientAddress === null) {
    const { user } = sender.facts;
    notes.push(`${name} streams, but ${user} may not see from where: grant pg_monitor to ${user}, and run init again`);
    return;
  }
  const address = standby.clientAddress ?? "the primary's own machine";
  const taken = new Set([...found, ...unreached].map(({ url }) => serverOf(url)));
  const url = [refusal?.url, ...urlsOf(standby, sender)].find((one) => one !== undefined && !taken.has(serverOf(one)));
  if (url === undefined || standby.clientAddress === null) {
    notes.push(`${name} connects to the primary from ${address}, but its port is not known; ${giveAddress}`);
    return;
  }
  const doubt =
    refusal?.url === url
      ? `it connects to the primary from ${address}; the server at ${serverOf(url)} did not let us in (${refusal.why}) and is taken for it`
      : `it connects to the primary from ${address}, but could not be asked: its port is not known, ${hostAndPort(url)?.port} is assumed; ${giveAddress}`;
  unreached.push({
    url,
    facts: null,
    applicationName: isTelling(standby.applicationName) ? standby.applicationName : null,
    doubts: [doubt],
  });
}

/** So many servers are asked at most, whatever they say of each other. */
const nodesMax = 32;

/** Answers false for a server that was met before, by whatever address. */
export function add(found: Found[], url: string, facts: NodeFacts): boolean {
  if (found.length >= nodesMax || found.some((node) => isSame(node.facts, facts))) return false;
  found.push({ url, facts, applicationName: null });
  return true;
}

function isSame(a: NodeFacts, b: NodeFacts): boolean {
  return a.systemIdentifier === b.systemIdentifier && a.instance === b.instance && a.visible.port === b.visible.port;
}

function reasonOf(error: unknown): string {
  return error instanceof BlackstartError ? error.why.replace(/\.$/, "") : messageOf(error);
}
