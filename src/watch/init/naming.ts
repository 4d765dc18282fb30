import type { DiscoveredCluster, DiscoveredNode } from "../../drivers/postgres/discover-standbys.ts";
import { hostAndPort, withHost } from "../../system/address.ts";

/** What the schema takes for a name. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/**
 * A name for each cluster: what all its servers are called in `cluster_name` (Patroni's scope, say), else the database
 * it was asked about.
 */
export function nameClusters(clusters: readonly DiscoveredCluster[]): readonly string[] {
  return unique(
    clusters.map(({ nodes }) => {
      const shared = new Set(
        nodes.map(({ facts }) => facts?.visible.cluster_name).filter((name) => name !== undefined),
      );
      const [only] = shared;
      if (nodes.length > 1 && shared.size === 1 && only !== undefined && namePattern.test(only)) return only;
      const database = decodeURIComponent(new URL(withHost(nodes[0]?.url ?? "postgres://")).pathname.slice(1));
      return namePattern.test(database) && !/^(postgres|template[01])$/.test(database) ? database : "main";
    }),
  );
}

/**
 * A name for each node: the one under which it streams, since synchronous_standby_names speaks of that; else what it
 * calls itself, where no other node is called the same; else its host's name; else pg1, pg2, …
 */
export function nameNodes(nodes: readonly DiscoveredNode[]): readonly string[] {
  const own = nodes.map(({ applicationName, facts, url }) =>
    [applicationName, facts?.visible.cluster_name, hostName(url)].filter(
      (name): name is string => typeof name === "string" && namePattern.test(name),
    ),
  );
  const taken = new Set<string>();
  return own.map((candidates, index) => {
    const isOwn = (name: string) => own.every((others, at) => at === index || !others.includes(name));
    const name = candidates.find((candidate) => isOwn(candidate) && !taken.has(candidate)) ?? numbered(taken, own);
    taken.add(name);
    return name;
  });
}

/** `db1` of `db1.example.org`; nothing for a bare address. */
function hostName(url: string): string | undefined {
  const host = hostAndPort(url)?.host ?? "";
  return /^[\d.]+$|:|^\/|^localhost$/.test(host) ? undefined : host.split(".", 1)[0];
}

function numbered(taken: ReadonlySet<string>, own: readonly (readonly string[])[]): string {
  for (let number = 1; ; number++) {
    const name = `pg${number}`;
    if (!taken.has(name) && !own.some((names) => names.includes(name))) return name;
  }
}

function unique(names: readonly string[]): readonly string[] {
  return names.map((name, index) => {
    const before = names.slice(0, index).filter((other) => other === name).length;
    return before === 0 ? name : `${name}-${before + 1}`;
  });
}
