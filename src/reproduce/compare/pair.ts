import type { Capture, CapturedNode, Role } from "../capture/schema.ts";

/** A node of the left and its counterpart on the right. */
export type Pair = Readonly<{ left: string; right: string }>;

/** `how` says by what they were put together; `alone`: nodes without counterpart. */
export type Pairing = Readonly<{
  pairs: readonly Pair[];
  how: "name" | "role";
  alone: Readonly<{ left: readonly string[]; right: readonly string[] }>;
}>;

type Nodes = Readonly<Record<string, CapturedNode>>;

/**
 * Which node is compared with which. By name, where it is one cluster at two times, or where nodes of one name have one
 * role; else the primary with the primary, and so on by role, each role in the order of the names; what then is left
 * over, standby with standby. Pure.
 */
export function pairNodes(one: Capture, other: Capture): Pairing {
  const [left, right] = [one.nodes, other.nodes];
  const isSame = one.system === other.system && one.cluster === other.cluster;
  const names = Object.keys(left);
  const alike =
    names.length === Object.keys(right).length &&
    names.every((name) => name in right && (isSame || left[name]?.role === right[name]?.role));
  if (alike)
    return { pairs: names.map((name) => ({ left: name, right: name })), how: "name", alone: { left: [], right: [] } };
  const pairs: Pair[] = [];
  const free = (nodes: Nodes, side: "left" | "right", role?: Role) =>
    Object.keys(nodes)
      .filter(
        (name) => !pairs.some((pair) => pair[side] === name) && (role === undefined || nodes[name]?.role === role),
      )
      .sort();
  const take = (ours: readonly string[], theirs: readonly string[]) => {
    // One that is called alike first; then in order.
    const same = ours.filter((name) => theirs.includes(name));
    const [rest, others] = [ours, theirs].map((list) => list.filter((name) => !same.includes(name))) as [
      string[],
      string[],
    ];
    for (const name of same) pairs.push({ left: name, right: name });
    rest.slice(0, others.length).forEach((name, index) => pairs.push({ left: name, right: others[index] as string }));
  };
  for (const role of ["primary", "synchronous", "asynchronous", "standby", "unknown"] as const)
    take(free(left, "left", role), free(right, "right", role));
  const standbys = (nodes: Nodes, side: "left" | "right") =>
    free(nodes, side).filter((name) => nodes[name]?.role !== "primary");
  take(standbys(left, "left"), standbys(right, "right"));
  return { pairs, how: "role", alone: { left: free(left, "left"), right: free(right, "right") } };
}
