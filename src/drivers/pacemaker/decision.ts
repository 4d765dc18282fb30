import { type Cib, type Primitive, primitiveNamed } from "./cib.ts";
import { type ClusterStatus, type Place, placeOf, resourceOf, type Role } from "./cluster-status.ts";
import { childOf, childrenOf, descendantsOf, parseXml } from "./xml.ts";

/** What the scheduler makes of a state: where everything is once its transition has been carried out. */
export type Decision = Readonly<{
  roles: ReadonlyMap<Place, Role>;
  /** Nodes that it would power off. */
  fenced: ReadonlySet<string>;
  /** Failures that it leaves as they are (`on-fail=block`, an unmanaged resource). */
  failed: ReadonlySet<Place>;
}>;

/**
 * Reads the scheduler's log at level `info`, where each instance has one line:
 * `Leave   Postgresql:1	(Promoted pg2)` or `Actions: Promote    Postgresql:0   ( Unpromoted -> Promoted pg2 )`.
 * Those are the words of `pcmk__output_resource_actions` and `rsc_action_default` in Pacemaker 2.1.
 * @returns undefined where the log does not speak of every primitive: another version, or an error
 */
export function decisionOfLog(lines: readonly string[], cib: Cib, status: ClusterStatus): Decision | undefined {
  const roles = new Map<Place, Role>();
  const failed = new Set<Place>();
  const fenced = new Set<string>();
  const spoken = new Set<string>();
  for (const line of lines) {
    const fence = /Actions: Fence \(\w+\) (\S+)/.exec(line);
    if (fence?.[1] !== undefined) fenced.add(fence[1]);
    const said = /\binfo: Leave\s+(\S+)\s+\((.*)\)/.exec(line) ?? /Actions: \S+\s+(\S+)\s+\(\s*(.*?)\s*\)/.exec(line);
    const primitive = primitiveNamed(cib, said?.[1] ?? "");
    if (said === null || primitive === undefined) continue;
    spoken.add(primitive.id);
    if (/ unmanaged\b/.test(said[2] ?? "")) {
      keepAsItIs(primitive.id, status, roles, failed);
      continue;
    }
    const verb = /Actions: (\S+)/.exec(line)?.[1] ?? "Leave";
    const blocked = /\bblocked\b/.test(line.slice(line.indexOf(")")));
    const end = endOf(said[2] ?? "", verb, primitive, blocked);
    if (end !== undefined) roles.set(placeOf(primitive.id, end.node), end.role);
    if (blocked && end !== undefined && status.failed.has(placeOf(primitive.id, end.node)))
      failed.add(placeOf(primitive.id, end.node));
  }
  return spoken.size === cib.primitives.length ? { roles, fenced, failed } : undefined;
}

function keepAsItIs(resource: string, status: ClusterStatus, roles: Map<Place, Role>, failed: Set<Place>): void {
  for (const [place, role] of status.roles) if (resourceOf(place) === resource) roles.set(place, role);
  for (const place of status.failed) if (resourceOf(place) === resource) failed.add(place);
}

type End = Readonly<{ node: string; role: Role }>;

/**
 * In the brackets stand, separated by ` -> ` where two differ: `pg1`, `Promoted pg1`, `pg1 -> pg2`, `pg1 -> pg2 Promoted`,
 * `Unpromoted -> Promoted pg2`, `Promoted pg1 -> Unpromoted pg2`.
 */
function endOf(text: string, verb: string, primitive: Primitive, blocked: boolean): End | undefined {
  const [left = "", right] = text.split(" -> ");
  const usual: Role = primitive.promotable ? "Unpromoted" : "Started";
  if (!blocked) return verb === "Stop" ? undefined : partOf(right ?? left, usual);
  if (verb === "Start") return undefined;
  const before = partOf(left, usual);
  if (before !== undefined || /^(Stopped|Stopping)$/.test(left.trim())) return before;
  // `Unpromoted -> Promoted pg2`: the node stands on the right only.
  const after = partOf(right ?? "", usual);
  const role = roleOf(left.trim());
  return after === undefined ? undefined : { node: after.node, role: role ?? usual };
}

function partOf(text: string, usual: Role): End | undefined {
  const words = text.trim().split(/\s+/);
  const role = words.map(roleOf).find((each) => each !== undefined);
  const node = words.find((word) => word !== "" && word !== "Stopped" && roleOf(word) === undefined);
  return node === undefined ? undefined : { node, role: role ?? usual };
}

/** Pacemaker 2.0 and before said Master and Slave. */
function roleOf(word: string): Role | undefined {
  if (word === "Master" || word === "Promoted") return "Promoted";
  if (word === "Slave" || word === "Unpromoted") return "Unpromoted";
  return word === "Started" ? "Started" : undefined;
}

/** Reads `--output-as=xml`: the status as it is, or as it is after the transition. */
export function decisionOfXml(
  text: string,
  section: "cluster_status" | "revised_cluster_status",
  cib: Cib,
): Decision | undefined {
  const status = childOf(parseXml(text).documentElement ?? undefined, section);
  if (status === undefined) return undefined;
  const roles = new Map<Place, Role>();
  const failed = new Set<Place>();
  for (const resource of descendantsOf(childOf(status, "resources"), "resource")) {
    const id = primitiveNamed(cib, resource.getAttribute("id") ?? "")?.id;
    const role = roleOf(resource.getAttribute("role") ?? "");
    if (id === undefined || role === undefined) continue;
    for (const node of childrenOf(resource, "node")) {
      const place = placeOf(id, node.getAttribute("name") ?? "");
      roles.set(place, role);
      if (resource.getAttribute("failed") === "true") failed.add(place);
    }
  }
  const nodes = descendantsOf(childOf(status, "nodes"), "node");
  const offline = nodes.filter((node) => node.getAttribute("online") !== "true");
  return { roles, failed, fenced: new Set(offline.map((node) => node.getAttribute("name") ?? "")) };
}
