import { type Path, pathText } from "./problem.ts";
import type { Cluster, System } from "./schema.ts";

/** Something in a right file that will disappoint on the night it is needed. */
export type SystemWarning = Readonly<{ path: string; message: string }>;

/** To be told whenever the file is loaded for `up` or `check`. */
export function systemWarnings(system: System): readonly SystemWarning[] {
  return Object.entries(system.clusters).flatMap(([name, cluster]) => [
    ...(system.mitigation.failover === "auto" ? automaticFailover(name, cluster) : []),
    ...unreachableHosts(name, cluster),
    ...clients(name, cluster),
  ]);
}

function automaticFailover(name: string, cluster: Cluster): readonly SystemWarning[] {
  if (cluster.manager !== "none")
    return [warning(["clusters", name, "manager"], `failover: auto does nothing here; ${cluster.manager} fails over`)];
  const unfenceable = Object.entries(cluster.nodes).filter(([, node]) => node.host === undefined);
  const warnings =
    cluster.fence === undefined
      ? unfenceable.map(([node]) =>
          warning(
            ["clusters", name, "nodes", node],
            "failover: auto does not hold while this node is the primary: without a `host` or a `fence` command it cannot be shown to be dead; the failover will be proposed to a person",
          ),
        )
      : [];
  if (cluster.synchronous > 0) return warnings;
  const message =
    "failover: auto does not hold without a synchronous standby: acknowledged writes could be lost; the failover will be proposed to a person";
  return [...warnings, warning(["clusters", name, "synchronous"], message)];
}

function unreachableHosts(name: string, cluster: Cluster): readonly SystemWarning[] {
  return Object.entries(cluster.nodes).flatMap(([node, { host, expendable }]) => [
    ...(host === undefined
      ? [warning(["clusters", name, "nodes", node], "no `host`: it can be watched, but not restarted or brought back")]
      : []),
    ...(expendable && host?.startsWith("ssh://")
      ? [
          warning(
            ["clusters", name, "nodes", node, "expendable"],
            "faults may be injected on another machine; is it meant?",
          ),
        ]
      : []),
  ]);
}

function clients(name: string, cluster: Cluster): readonly SystemWarning[] {
  return cluster.clients === undefined && Object.keys(cluster.nodes).length > 1
    ? [warning(["clusters", name], "no `clients`: after a failover nobody tells them where the primary is")]
    : [];
}

function warning(path: Path, message: string): SystemWarning {
  return { path: pathText(path), message };
}
