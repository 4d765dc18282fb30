import { dirname, join } from "node:path";
import { argumentsOf, type ProcessInfo, processesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";

/** Beside the data directory: what clones that anew leaves it. */
export function configurationFileOf(node: NodeRecord): string {
  return join(dirname(node.dataDirectory), "patroni.yml");
}

export function patroniLogOf(node: NodeRecord): string {
  return join(dirname(node.dataDirectory), "patroni.log");
}

/** Patroni, its servers, and what it starts: pg_rewind and pg_basebackup may outlive it. All stand in the node's folder. */
export function memberProcesses(node: NodeRecord): readonly ProcessInfo[] {
  return processesIn(
    dirname(node.dataDirectory),
    (process) => process.program === "postgres" || process.program.startsWith("pg_") || isPatroni(process, node),
  );
}

export function patroniRuns(node: NodeRecord): boolean {
  return memberProcesses(node).some((process) => isPatroni(process, node));
}

export function etcdDirectoryOf({ nodesDirectory }: LabRecord): string {
  return join(nodesDirectory, "etcd");
}

export function etcdProcesses(record: LabRecord): readonly ProcessInfo[] {
  return processesIn(etcdDirectoryOf(record), ({ program }) => program === "etcd");
}

/** Its program is the Python that runs it. */
function isPatroni({ pid }: ProcessInfo, node: NodeRecord): boolean {
  return argumentsOf(pid).includes(configurationFileOf(node));
}
