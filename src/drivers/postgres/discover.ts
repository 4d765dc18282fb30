import { BlackstartError } from "../../base/error.ts";
import { hostAndPort, serverOf, withServer } from "../../system/address.ts";
import { type Ask, add, type DiscoveredCluster, downwards, type Found } from "./discover-standbys.ts";
import { askNode, conninfoOf, type NodeFacts } from "./node-facts.ts";

/**
 * Finds the clusters that the given servers belong to. A primary tells who streams from it, a standby from whom it
 * streams; each server found so is asked in turn, with the user and password of the url that led there. Only the port
 * of a standby is told by nobody: the primary's own and 5432 are tried at its address, and what answers counts only if
 * it is of the same cluster. Throws what the first server answered when none can be asked.
 */
export async function discoverClusters(
  urls: readonly string[],
  ask: Ask = askNode,
): Promise<readonly DiscoveredCluster[]> {
  const found: Found[] = [];
  const failures: { url: string; error: unknown }[] = [];
  for (const url of urls) {
    try {
      add(found, url, await ask(url));
    } catch (error) {
      failures.push({ url, error });
    }
  }
  if (found.length === 0) throw failures[0]?.error ?? nothingGiven();
  await upwards(found, ask);
  const clusters: DiscoveredCluster[] = [];
  for (const identifier of new Set(found.map(({ facts }) => facts.systemIdentifier))) {
    const own = failures.filter(({ url }) => !found.some((node) => serverOf(node.url) === serverOf(url)));
    clusters.push(await downwards(identifier, found, clusters.length === 0 ? own : [], ask));
  }
  return clusters;
}

/** From each standby to the server it streams from, and on. */
async function upwards(found: Found[], ask: Ask): Promise<void> {
  // The list grows while it is walked.
  for (const { url, facts } of found)
    for (const sender of sendersOf(facts)) {
      const senderUrl = withServer(
        url,
        sender.host.startsWith("/") ? (hostAndPort(url)?.host ?? "") : sender.host,
        sender.port,
      );
      if (found.some((node) => serverOf(node.url) === serverOf(senderUrl))) continue;
      const asked = await askOrUndefined(ask, senderUrl);
      if (asked?.systemIdentifier === facts.systemIdentifier) add(found, senderUrl, asked);
    }
}

function sendersOf(facts: NodeFacts): readonly { host: string; port: number }[] {
  if (facts.role === "primary") return [];
  if (facts.receiver?.senderHost) return [{ host: facts.receiver.senderHost, port: facts.receiver.senderPort ?? 5432 }];
  const { host, hostaddr, port } = conninfoOf(facts);
  // Several hosts may stand there; libpq tries them in this order.
  const ports = (port ?? "5432").split(",");
  return (host ?? hostaddr ?? "")
    .split(",")
    .map((one, index) => ({ host: one, port: Number(ports[index] ?? ports[0]) || 5432 }))
    .filter(({ host: one }) => one !== "");
}

async function askOrUndefined(ask: Ask, url: string): Promise<NodeFacts | undefined> {
  try {
    return await ask(url);
  } catch {
    return undefined; // It was a guess. That a standby has no primary here shows in the file.
  }
}

function nothingGiven(): BlackstartError {
  return new BlackstartError("USAGE", {
    what: "No server was named.",
    why: "The system file is written by asking a running server.",
    next: "Name one: blackstart init postgres://user@address:5432/postgres",
  });
}
