import type { DiscoveredCluster, DiscoveredNode } from "../../drivers/postgres/discover-standbys.ts";
import { withoutPassword } from "../../system/secrets.ts";
import { type ClusterDraft, escaped, type NodeDraft, type SystemDraft } from "../../system/write.ts";
import { archiveOf, clusterSays, managerOf, nodeSays, synchronousOf } from "./comments.ts";
import { nameClusters, nameNodes } from "./naming.ts";
import { type Passwords, passwordsOf } from "./passwords.ts";
import { hostAndPort } from "../../system/address.ts";

export type DraftContext = Readonly<{
  system?: string | undefined;
  now: string;
  /** True where the node's data directory lies on this machine. */
  isHere(url: string): boolean;
}>;

/** From what was discovered to what the file shall say. Pure. */
export function draftSystem(
  clusters: readonly DiscoveredCluster[],
  context: DraftContext,
): { draft: SystemDraft; variables: readonly string[]; notes: readonly string[] } {
  const names = nameClusters(clusters);
  const nodes = clusters.map((cluster) => nameNodes(cluster.nodes));
  const passwords = passwordsOf(
    clusters.flatMap((cluster, at) =>
      cluster.nodes.map((node, index) => ({ url: node.url, name: nodes[at]?.[index] ?? "" })),
    ),
  );
  const drafts = clusters.map((cluster, at) =>
    draftCluster(names[at] ?? "main", cluster, nodes[at] ?? [], passwords, context),
  );
  const asked = clusters.flatMap((cluster) => cluster.nodes).find(({ facts }) => facts !== null);
  return {
    draft: {
      system: context.system ?? names[0] ?? "main",
      comments: [
        `What should be. Written by \`blackstart init\` on ${context.now.slice(0, 10)} from what ${asked ? withoutPassword(asked.url) : "the servers"} and`,
        "those it named said of themselves. Change it by hand; every key is explained in docs/system-file.md.",
        ...(passwords.variables.length === 0
          ? []
          : [`Passwords are not in this file: set ${passwords.variables.join(", ")} in the environment.`]),
      ],
      clusters: drafts.map(({ cluster }) => cluster),
    },
    variables: passwords.variables,
    notes: [...passwords.notes, ...drafts.flatMap(({ notes }) => notes)],
  };
}

function draftCluster(
  name: string,
  discovered: DiscoveredCluster,
  nodeNames: readonly string[],
  passwords: Passwords,
  context: DraftContext,
): { cluster: ClusterDraft; notes: readonly string[] } {
  const synchronous = synchronousOf(discovered, nodeNames);
  const archive = archiveOf(discovered);
  const manager = managerOf(discovered);
  const cluster: ClusterDraft = {
    name,
    comments: clusterSays(discovered),
    manager: manager.value,
    managerComments: manager.comments,
    synchronous: synchronous.value,
    synchronousComments: synchronous.comments,
    nodes: discovered.nodes.map((node, index) => draftNode(nodeNames[index] ?? "", node, passwords, context)),
    ...(archive.pgbackrest === undefined ? {} : { pgbackrest: archive.pgbackrest }),
    backupComments: archive.comments,
  };
  const doubts = discovered.nodes.flatMap((node, index) =>
    node.doubts.map((doubt) => `${name}/${nodeNames[index]}: ${doubt}.`),
  );
  const hostless = cluster.nodes.filter(({ host }) => host === undefined).map((node) => node.name);
  return {
    cluster,
    notes: [
      ...doubts,
      ...discovered.notes.map((note) => `${name}: ${note}.`),
      ...synchronous.notes.map((note) => `${name}: ${note}`),
      ...(hostless.length === 0
        ? []
        : [
            `${name}: fill in \`host\` for ${hostless.join(", ")}; without it Blackstart can watch, but neither restart, fence nor bring back.`,
          ]),
    ],
  };
}

function draftNode(name: string, node: DiscoveredNode, passwords: Passwords, context: DraftContext): NodeDraft {
  const isHere = node.facts !== null && context.isHere(node.url);
  const data = node.facts?.settings.dataDirectory;
  const address = hostAndPort(node.url)?.host ?? "address";
  return {
    name,
    comments: nodeSays(node),
    url: passwords.referring(node.url, node.facts?.user),
    ...(isHere ? { host: "local" } : {}),
    hostSuggested: escaped(`ssh://root@${address.includes(":") ? `[${address}]` : address}`),
    ...(data ? { data } : {}),
  };
}
