import { checkKnown } from "./check-names.ts";
import { parsedUrl, serverOf } from "./address.ts";
import { type Mapping, mapping, mappings, text } from "./loose.ts";
import type { Report } from "./problem.ts";

/** Clusters that can be: with nodes, each another server, and no more synchronous standbys than there are standbys. */
export function checkClusters(data: unknown, report: Report): void {
  const clusters = mapping(data).clusters;
  for (const [cluster, settings] of mappings(clusters)) {
    const path = ["clusters", cluster];
    const nodes = Object.keys(mapping(settings.nodes)).length;
    if (nodes === 0 && settings.nodes !== undefined && settings.nodes !== null)
      report([...path, "nodes"], "a cluster has at least one node", { on: "key" });
    const { synchronous } = settings;
    if (typeof synchronous === "number" && nodes > 0 && synchronous >= nodes)
      report(
        [...path, "synchronous"],
        `${synchronous} synchronous standbys cannot be: of ${nodes === 1 ? "1 node" : `${nodes} nodes`}, ${nodes - 1} can be standbys`,
      );
    else if (typeof synchronous === "number") checkWaitedFor(settings, synchronous, [...path, "synchronous"], report);
    checkCascades(settings, cluster, report);
    checkClients(settings.clients, cluster, report);
    for (const [node, { host, start, stop }] of nodesOf(settings))
      if (host === undefined && (start !== undefined || stop !== undefined))
        report(
          [...path, "nodes", node, start === undefined ? "stop" : "start"],
          "a command needs a `host` to run on; for this machine: host: local",
        );
  }
  checkServers(clusters, report);
}

/** Also with any of the others as the primary, so many must be left that commits may wait for. */
function checkWaitedFor(settings: Mapping, synchronous: number, path: readonly string[], report: Report): void {
  const never = nodesOf(settings).filter(([, node]) => node.synchronous === "never");
  const left = nodesOf(settings).length - never.length - 1;
  if (never.length > 0 && synchronous > left)
    report(
      path,
      `${synchronous} synchronous standbys cannot be: with ${never.map(([node]) => node).join(", ")} as \`synchronous: never\`, ${left} are left beside the primary`,
    );
}

/** Each follows a node of its cluster, and none itself, by however many others. */
function checkCascades(settings: Mapping, cluster: string, report: Report): void {
  const follows = new Map(nodesOf(settings).map(([node, { follows: upstream }]) => [node, text(upstream)]));
  for (const [node, upstream] of follows) {
    if (upstream === undefined) continue;
    const path = ["clusters", cluster, "nodes", node, "follows"];
    const others = [...follows.keys()].filter((one) => one !== node);
    if (!follows.has(upstream)) checkKnown("node", upstream, others, path, report);
    else if (leadsTo(follows, upstream, node))
      report(path, upstream === node ? "a node cannot follow itself" : `${node} and ${upstream} follow each other`);
  }
}

function leadsTo(follows: ReadonlyMap<string, string | undefined>, from: string, to: string): boolean {
  const met = new Set<string>();
  for (let at: string | undefined = from; at !== undefined && !met.has(at); at = follows.get(at)) {
    if (at === to) return true;
    met.add(at);
  }
  return false;
}

function checkClients(clients: unknown, cluster: string, report: Report): void {
  if (clients === null || clients === undefined) return;
  const named = Object.values(mapping(clients)).filter((value) => value !== undefined && value !== false);
  if (named.length === 0)
    report(
      ["clusters", cluster, "clients"],
      "says nothing; name how the clients find the primary (file, vip, …), or leave `clients` out",
      { on: "key" },
    );
}

/** Each server is one node only, in the whole file. */
function checkServers(clusters: unknown, report: Report): void {
  const owner = new Map<string, string>();
  for (const [cluster, settings] of mappings(clusters))
    for (const [node, { url }] of nodesOf(settings)) {
      const address = text(url);
      if (address === undefined || !/^postgres(ql)?:\/\//.test(address)) continue;
      const path = ["clusters", cluster, "nodes", node, "url"];
      const server = serverOf(address);
      if (namesSeveral(address)) {
        report(path, "names several servers; a node is one of them, each with a name of its own");
        continue;
      }
      if (server === undefined) {
        report(path, "cannot be read as a url; in a password, @ : / ? # % must be percent-encoded, or come from ${…}");
        continue;
      }
      const other = owner.get(server);
      if (other !== undefined) report(path, `is the same server as ${other} (${server})`);
      else owner.set(server, `${cluster}/${node}`);
    }
}

/** libpq takes `a:1,b:2` and tries them in turn. */
function namesSeveral(url: string): boolean {
  const authority = /^[a-z]+:\/\/(?:.*@)?([^/?#@]*)/i.exec(url)?.[1] ?? "";
  return authority.includes(",") || (parsedUrl(url)?.searchParams.get("host") ?? "").includes(",");
}

/** The nodes, also those given as their url alone. */
function nodesOf(settings: Mapping): readonly (readonly [name: string, node: Mapping])[] {
  return Object.entries(mapping(settings.nodes)).map(([name, node]) => [
    name,
    typeof node === "string" ? { url: node } : mapping(node),
  ]);
}
