import { withConnection } from "../../drivers/postgres/connection.ts";
import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import { hostAndPort, withServer } from "../../system/address.ts";
import type { Cluster } from "../../system/schema.ts";

/** Whether the clients' own role is let in by a server, and may write there once it is the primary. */
export type ClientsLogin =
  | Readonly<{ role: string; readOnly: boolean }>
  /** The server's own words; `sqlstate` only where it was the server that refused. */
  | Readonly<{ problem: string; sqlstate?: string }>;

const timeoutMs = 1000;

/** Undefined where `clients: { url }` is not declared: nobody knows then as whom the clients write. */
export async function clientsLoginAt(cluster: Cluster, nodeUrl: string): Promise<ClientsLogin | undefined> {
  const url = cluster.clients?.url;
  const address = hostAndPort(nodeUrl);
  if (url === undefined || address === undefined) return undefined;
  try {
    const there = withServer(url, address.host, address.port);
    const [session] = await withConnection(there, { timeoutMs, queryTimeoutMs: timeoutMs }, (connection) =>
      connection.query<{ role: string; readOnly: boolean }>(
        `select current_user::text as role, current_setting('default_transaction_read_only') = 'on' as "readOnly"`,
      ),
    );
    return session ?? { problem: "no answer" };
  } catch (error) {
    const { detail, sqlstate } = reachabilityOf(error);
    return { problem: detail, ...(sqlstate === undefined ? {} : { sqlstate }) };
  }
}
