import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withConnection } from "../drivers/postgres/connection.ts";
import { ownPidOf, serverProcessesIn } from "./processes.ts";
import type { NodeRecord } from "./record.ts";

/** PostgreSQL removes the file when it promotes. */
export function isStandby(node: NodeRecord): boolean {
  return existsSync(join(node.dataDirectory, "standby.signal"));
}

export function isRunning(node: NodeRecord): boolean {
  return serverProcessesIn(node.dataDirectory).length > 0;
}

/** The process that postmaster.pid names, if it is one of this server's. */
export function postmasterOf(node: NodeRecord): number | undefined {
  const file = join(node.dataDirectory, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  return serverProcessesIn(node.dataDirectory).find((info) => ownPidOf(info.pid) === pid)?.pid;
}

/** Whether it answers a query; what keeps it from that, now, is not told. */
export function answers(node: NodeRecord): Promise<boolean> {
  return withConnection(node.ownUrl, { timeoutMs: 1000, queryTimeoutMs: 1000 }, (connection) =>
    connection.query("select 1"),
  ).then(
    () => true,
    () => false,
  );
}
