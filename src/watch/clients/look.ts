import { messageOf } from "../../base/error.ts";
import { readClientsAddress } from "../../drivers/clients/address-file.ts";
import { clientsWayOf } from "../../drivers/clients/clients-url.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import { readEndpoint } from "../../drivers/postgres/endpoints.ts";
import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import { serverOf } from "../../system/address.ts";
import type { Cluster } from "../../system/schema.ts";
import type { ClientsFacts } from "../facts.ts";

const timeoutMs = 2000;

/**
 * Where the address file leads the clients. An address that no node declares may be a proxy's, or another name of one:
 * then whoever answers there is asked which server it is. Undefined where the clients have no such file.
 */
export async function lookAtClients(name: string, cluster: Cluster): Promise<ClientsFacts | undefined> {
  const file = cluster.clients?.file;
  if (file === undefined) return undefined;
  try {
    const address = await readClientsAddress(file);
    if (address === undefined || address === "")
      return { cluster: name, file, problem: address === undefined ? "it does not exist" : "it is empty" };
    const node = Object.entries(cluster.nodes).find(([, { url }]) => serverOf(url) === readEndpoint(address))?.[0];
    if (node !== undefined) return { cluster: name, file, address, node };
    return { cluster: name, file, address, reached: await askThere(cluster) };
  } catch (error) {
    return { cluster: name, file, problem: messageOf(error) };
  }
}

const whoQuery = `
select pg_is_in_recovery() as standby, (select system_identifier::text from pg_control_system()) as "systemIdentifier",
  to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "startedAt"`;

type Who = Readonly<{ standby: boolean; systemIdentifier: string; startedAt: string }>;

async function askThere(cluster: Cluster): Promise<ClientsFacts["reached"]> {
  const way = await clientsWayOf(cluster, Object.values(cluster.nodes)[0]?.url ?? "");
  if (way === undefined) return { problem: "no address" };
  try {
    const limits = { timeoutMs, queryTimeoutMs: timeoutMs };
    const [who] = await withConnection(way.url, limits, (connection) => connection.query<Who>(whoQuery));
    return who ?? { problem: "no answer" };
  } catch (error) {
    return { problem: reachabilityOf(error).detail };
  }
}
