import { BlackstartError, messageOf } from "../base/error.ts";
import type { LeftMemory } from "../drivers/postgres/instance.ts";
import { aimsOf, endpointsOf, type Resolved } from "../drivers/postgres/endpoints.ts";
import { clusterOf } from "../system/names.ts";
import type { MitigationContext } from "./context.ts";
import { resolveNames } from "../drivers/resolve.ts";
import { leadsOf, namesToResolve } from "./source.ts";
import { sessionsOf } from "./sessions.ts";

/*
 * What outages and plans leave behind: slots that hold WAL for somebody who does not come, copies beside the data, and the
 * shared memory of servers that were killed.
 */

export type Slot = Readonly<{
  name: string;
  kind: "physical" | "logical";
  active: boolean;
  retainedBytes: number;
}>;

/** A directory beside a data directory: what a rejoin has kept, moved aside, or begun to copy and not ended. */
export type Copy = Readonly<{ path: string; bytes: number }>;

/** From which nodes a standby may stream. `isKnown`: it can be told that it streams from no other server. */
export type Reads = Readonly<{ from: readonly string[]; isKnown: boolean }>;

export type LeftBehind = Readonly<{
  node: string;
  /** `host:port` of its url and of `replication:`. */
  addresses: readonly string[];
  /** Undefined: it does not answer; `problem` says why. */
  server?: Readonly<{ role: "primary" | "standby"; slots: readonly Slot[]; slotName: string; reads: Reads }>;
  problem?: string;
  /** Undefined: its host cannot be asked. */
  copies?: readonly Copy[];
  /** The same; of several nodes on one host, with the first. */
  memory?: readonly LeftMemory[];
}>;

const limits = { timeoutMs: 3000, queryTimeoutMs: 5000 } as const;

export async function leftBehindIn(context: MitigationContext, cluster: string): Promise<readonly LeftBehind[]> {
  const { nodes } = clusterOf(context.system, cluster);
  const told = new Set<string>();
  const places = Object.entries(nodes).map(([node, declared]) => ({ node, addresses: endpointsOf(declared) }));
  return Promise.all(
    Object.entries(nodes).map(async ([node, declared]) => {
      const machine = declared.host;
      const [server, copies, memory] = await Promise.all([
        askServer(context, cluster, node, places),
        copiesOf(context, cluster, node),
        memoryOf(context, cluster, node),
      ]);
      const isNew = ({ kind, name }: LeftMemory) => {
        const key = `${machine} ${kind} ${name}`;
        return !told.has(key) && told.add(key) !== undefined;
      };
      return {
        node,
        addresses: endpointsOf(declared),
        ...server,
        ...(copies === undefined ? {} : { copies }),
        ...(memory === undefined ? {} : { memory: memory.filter(isNew) }),
      };
    }),
  );
}

type ServerRow = { role: "primary" | "standby"; slots: readonly Slot[]; slotName: string; conninfo: string };

/** Slots of PostgreSQL itself (temporary, or kept in step with a primary) are none of ours. */
export const slotsQuery = `
  select slot_name as name, slot_type as kind, active,
    coalesce(greatest(0, pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
      else pg_current_wal_lsn() end, restart_lsn)), 0)::float8 as "retainedBytes"
  from pg_replication_slots as s where not temporary and coalesce(to_jsonb(s)->>'synced', 'false') <> 'true' order by 1`;

async function askServer(
  context: MitigationContext,
  cluster: string,
  node: string,
  places: readonly Place[],
): Promise<Pick<LeftBehind, "server" | "problem">> {
  try {
    return await sessionsOf(context.fleet).use(cluster, node, async (connection) => {
      const [row] = await connection.query<ServerRow>(
        `select case when pg_is_in_recovery() then 'standby' else 'primary' end as role,
           coalesce((select json_agg(x) from (${slotsQuery}) x), '[]') as slots,
           current_setting('primary_slot_name') as "slotName", current_setting('primary_conninfo') as conninfo`,
        [],
        { timeoutMs: limits.queryTimeoutMs },
      );
      if (row === undefined) throw new Error("a query without FROM answers with one row");
      const { conninfo, ...server } = row;
      const names = namesToResolve(
        aimsOf(conninfo),
        places.flatMap(({ addresses }) => addresses),
      );
      return { server: { ...server, reads: readsOf(places, node, conninfo, await resolveNames(names)) } };
    });
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

type Place = Pick<LeftBehind, "node" | "addresses">;

/** Pure. @param conninfo its primary_conninfo */
export function readsOf(places: readonly Place[], node: string, conninfo: string, resolved: Resolved): Reads {
  const own = places.find((one) => one.node === node) ?? { node, addresses: [] };
  const leads = leadsOf(places, own, aimsOf(conninfo), resolved);
  const others = new Set(leads.flatMap(({ to }) => to.map((one) => one.node)).filter((one) => one !== node));
  const isSaid = conninfo.trim() === "" || aimsOf(conninfo).length > 0;
  return { from: [...others], isKnown: isSaid && leads.every(({ to }) => to.length > 0) };
}

const copiesScript = `
for copy in "$1".kept-* "$1".aside-* "$1".cloning; do
  # A clone that is whole: the next rejoin only has to put it in its place.
  [ "$copy" != "$1.cloning" ] || [ ! -e "$1.cloned" ] || continue
  [ -d "$copy" ] && [ ! -L "$copy" ] && du -sk "$copy"
done
exit 0
`;

async function copiesOf(
  context: MitigationContext,
  cluster: string,
  node: string,
): Promise<readonly Copy[] | undefined> {
  try {
    const instance = await context.fleet.instance(cluster, node);
    if (instance === undefined) return undefined;
    const data = instance.dataDirectory.replace(/\/+$/, "");
    const host = context.fleet.host(clusterOf(context.system, cluster).nodes[node]?.host ?? "local:");
    const { stdout } = await host.run({ script: copiesScript, args: [data], as: data, timeoutMs: 60_000 });
    return [...stdout.matchAll(/^(\d+)\t(.+)$/gm)].map(([, kib, path]) => ({
      path: path ?? "",
      bytes: Number(kib) * 1024,
    }));
  } catch {
    return undefined; // What cannot be listed is not offered to be removed.
  }
}

async function memoryOf(
  context: MitigationContext,
  cluster: string,
  node: string,
): Promise<readonly LeftMemory[] | undefined> {
  try {
    return await (await context.fleet.instance(cluster, node))?.leftMemory();
  } catch (error) {
    if (error instanceof BlackstartError) return undefined; // As with copies.
    throw error;
  }
}

/**
 * Why this slot must stay; undefined where nobody comes for it. Only what is seen counts: while a node does not answer,
 * nobody knows whether it comes. Pure.
 * @param isNamed a person has said that it may go: who else reads it, only people know
 */
export function slotIsWanted(
  nodes: readonly LeftBehind[],
  on: LeftBehind,
  slot: Slot,
  isNamed = false,
): string | undefined {
  if (slot.active) return "it is in use";
  if (slot.kind === "logical") return "it is logical: whether its reader comes back, only you know";
  const silent = nodes.filter(({ server }) => server === undefined);
  if (silent.length > 0) return `${silent.map(({ node }) => node).join(", ")} may read it, and cannot be asked`;
  const naming = nodes.filter((one) => one.server?.slotName === slot.name);
  const standbys = naming.filter((one) => one !== on && one.server?.role === "standby");
  const reader = standbys.find(({ server }) => readsFrom(server?.reads, on));
  if (reader !== undefined) return `${reader.node} reads it (primary_slot_name)`;
  const unknown = standbys.find(({ server }) => server?.reads.isKnown !== true);
  if (unknown !== undefined)
    return `${unknown.node} may read it: whose address its primary_conninfo has cannot be told`;
  if (naming.length > 0 || isNamed) return undefined;
  return "no node names it, so it may be that of an archive (Barman, pg_receivewal), which would miss what comes meanwhile";
}

/** One that is aimed at no node comes back to the primary; one that reads from a standby has its slot there. */
function readsFrom(reads: Reads | undefined, { node, server }: LeftBehind): boolean {
  if (reads === undefined) return false;
  return reads.from.includes(node) || (server?.role === "primary" && reads.isKnown && reads.from.length === 0);
}
