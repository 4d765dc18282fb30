import { isOurs } from "./account.ts";
import type { LabStatus, NodeStatus } from "./lab.ts";
import { managerOf } from "./managers.ts";
import { isAlive } from "./processes.ts";
import type { LabRecord } from "./record.ts";
import { rolesNow } from "./roles-now.ts";
import { isRunning } from "./servers.ts";

/** What a lab and each of its nodes is now. A server that does not answer costs a second, not more. */
export async function statusOf(record: LabRecord): Promise<LabStatus> {
  const { name, directory, version, createdAt } = record;
  const [nodes, clientUrl] = await Promise.all([
    nodesOf(record),
    managerOf(record)
      .clientUrl(record)
      .then((url) => url ?? null),
  ]);
  return {
    name,
    manager: record.manager.kind,
    directory,
    version,
    createdAt,
    state: stateOf(record),
    abandoned: isAbandoned(record),
    clientUrl,
    nodes,
  };
}

/** Ours, and the process that made it has ended. */
export function isAbandoned({ directory, maker }: LabRecord): boolean {
  return isOurs(directory) && !isAlive(maker);
}

async function nodesOf(record: LabRecord): Promise<readonly NodeStatus[]> {
  const manager = managerOf(record);
  const [roles, opinions] = await Promise.all([rolesNow(record), manager.opinions(record)]);
  const ways = manager.notes?.(record).inside ?? {};
  return record.nodes.map((node) => {
    const opinion = opinions[node.name];
    const inside = ways[node.name];
    const network = manager.networkOf(record, node) ?? "open";
    return {
      name: node.name,
      port: node.port,
      madeAs: node.role,
      role: roles[node.name] ?? "down",
      ...(opinion === undefined ? {} : { manager: opinion }),
      ...(network === "open" ? {} : { network }),
      ...(inside === undefined ? {} : { inside }),
      pids: manager.processesOf(record, node).map(({ pid }) => pid),
    };
  });
}

function stateOf(record: LabRecord): LabStatus["state"] {
  if (!isOurs(record.directory)) return "hidden";
  if (record.state === "being-made") return isAlive(record.maker) ? "being-made" : "half-made";
  const running = record.nodes.filter(isRunning).length;
  if (running === 0) return "stopped";
  return running === record.nodes.length ? "running" : "partly-running";
}
