import type { Capture, Role } from "../capture/schema.ts";
import type { WrittenScenario } from "../scenario/schema.ts";

export type TrialCluster = Readonly<{
  cluster: NonNullable<WrittenScenario["cluster"]>;
  /** From the name of a node to that of its counterpart in a trial. */
  names: ReadonlyMap<string, string>;
}>;

/**
 * The cluster of trials that is made as this one is. A trial calls its primary pg1 and its standbys pg2, pg3, …; only
 * Pacemaker's hosts are called as its configuration calls them. Pure.
 */
export function trialClusterOf({ manager, nodes, patroni }: Capture): TrialCluster {
  if (manager === "pacemaker") return { cluster: { manager }, names: new Map() };
  const isPrimary = (name: string) => nodes[name]?.role === "primary";
  const all = Object.keys(nodes).toSorted(
    (one, other) =>
      Number(isPrimary(other)) - Number(isPrimary(one)) || one.localeCompare(other, "en", { numeric: true }),
  );
  const standbys = all.slice(1, 9).map((name) => standbyOf(nodes[name]?.role));
  return {
    cluster: {
      manager: manager === "none" ? "streaming" : manager,
      ...(all.length === 0 ? {} : { standbys }),
      ...(manager === "patroni" ? timesOf(patroni) : {}),
    },
    names: new Map(all.map((name, index) => [name, `pg${index + 1}`])),
  };
}

/** Where it has all of them: with some and a lab's others it would be none of anybody's. */
function timesOf(patroni: Capture["patroni"]) {
  const [ttl, loop_wait, retry_timeout] = [patroni?.ttl, patroni?.loop_wait, patroni?.retry_timeout].map(Number);
  const times = { ttl, loop_wait, retry_timeout };
  return Object.values(times).every((seconds) => Number.isInteger(seconds)) ? { patroni: times } : {};
}

function standbyOf(role: Role | undefined): "synchronous" | "asynchronous" {
  return role === "synchronous" ? "synchronous" : "asynchronous";
}
