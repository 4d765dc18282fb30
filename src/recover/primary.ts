import { BlackstartError, messageOf } from "../base/error.ts";
import type { Connection, ConnectOptions } from "../drivers/postgres/connection.ts";
import { clusterOf } from "../system/names.ts";
import type { LookContext, RecoveryFleet } from "./context.ts";

export type Primary = Readonly<{ node: string; connection: Connection }>;

/**
 * Connects to the one primary of a cluster. None, or more than one, is an error: data is looked at and made right only
 * where the truth is.
 */
export async function connectPrimary(
  context: Pick<LookContext, "system" | "fleet">,
  cluster: string,
  options: ConnectOptions = {},
): Promise<Primary> {
  const nodes = Object.keys(clusterOf(context.system, cluster).nodes);
  const tried = await Promise.all(nodes.map((node) => tryNode(context.fleet, cluster, node, options)));
  const primaries = tried.filter((result) => "primary" in result && result.primary) as readonly Primary[];
  const others = tried.filter((result) => "connection" in result && !primaries.includes(result as Primary));
  const [first, second] = primaries;
  const unwanted = second === undefined ? others : tried;
  await Promise.all(unwanted.map((result) => ("connection" in result ? result.connection.close() : undefined)));
  if (first !== undefined && second === undefined) return first;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: first === undefined ? `The cluster ${cluster} has no primary.` : `The cluster ${cluster} has two primaries.`,
    why:
      first === undefined
        ? tried.map((result) => `${result.node}: ${"error" in result ? result.error : "a standby"}`).join("; ")
        : primaries.map((primary) => primary.node).join(" and "),
    next:
      first === undefined
        ? `Bring it back first: \`blackstart mitigate failover ${cluster}\`.`
        : `Stop the stale one first: \`blackstart mitigate demote ${cluster}\`.`,
    details: { cluster },
  });
}

/** Uses the primary's connection and closes it again, whatever happens. */
export async function withPrimary<T>(
  context: Pick<LookContext, "system" | "fleet">,
  cluster: string,
  options: ConnectOptions,
  use: (primary: Primary) => Promise<T>,
): Promise<T> {
  const primary = await connectPrimary(context, cluster, options);
  try {
    return await use(primary);
  } finally {
    await primary.connection.close();
  }
}

async function tryNode(
  fleet: RecoveryFleet,
  cluster: string,
  node: string,
  options: ConnectOptions,
): Promise<{ node: string; error: string } | { node: string; connection: Connection; primary: boolean }> {
  let connection: Connection | undefined;
  try {
    connection = await fleet.connect(cluster, node, { applicationName: "blackstart recover", ...options });
    const [row] = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    return { node, connection, primary: row?.standby === false };
  } catch (error) {
    await connection?.close();
    return { node, error: messageOf(error) };
  }
}
