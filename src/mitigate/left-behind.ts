import { BlackstartError, messageOf } from "../base/error.ts";
import { parseConninfo } from "../drivers/postgres/conninfo.ts";
import type { LeftMemory } from "../drivers/postgres/instance.ts";
import { endpointsOf } from "../drivers/postgres/endpoints.ts";
import { clusterOf } from "../system/names.ts";
import type { MitigationContext } from "./context.ts";
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

export type LeftBehind = Readonly<{
  node: string;
  /** `host:port` of its url and of `replication:`. */
  addresses: readonly string[];
  /** Undefined: it does not answer; `problem` says why. */
  server?: Readonly<{ role: "primary" | "standby"; slots: readonly Slot[]; slotName: string; follows: string }>;
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
  return Promise.all(
    Object.entries(nodes).map(async ([node, declared]) => {
      const machine = declared.host;
      const [server, copies, memory] = await Promise.all([
        askServer(context, cluster, node),
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
      const aimed = parseConninfo(conninfo);
      return { server: { ...server, follows: `${aimed.host ?? aimed.hostaddr ?? ""}:${aimed.port ?? "5432"}` } };
    });
  } catch (error) {
    return { problem: messageOf(error) };
  }
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
 */
export function slotIsWanted(nodes: readonly LeftBehind[], on: LeftBehind, slot: Slot): string | undefined {
  if (slot.active) return "it is in use";
  if (slot.kind === "logical") return "it is logical: whether its reader comes back, only you know";
  const silent = nodes.filter(({ server }) => server === undefined);
  if (silent.length > 0) return `${silent.map(({ node }) => node).join(", ")} may read it, and cannot be asked`;
  const reader = nodes.find(
    ({ node, server }) =>
      node !== on.node &&
      server?.role === "standby" &&
      server.slotName === slot.name &&
      readsHere(node, server.follows),
  );
  return reader === undefined ? undefined : `${reader.node} reads it (primary_slot_name)`;
  /** One that is aimed at no other node comes back to the primary; one that reads from a standby has its slot there. */
  function readsHere(node: string, follows: string): boolean {
    if (on.addresses.includes(follows)) return true;
    const isElsewhere = nodes.some((other) => other.node !== node && other.addresses.includes(follows));
    return on.server?.role === "primary" && !isElsewhere;
  }
}
