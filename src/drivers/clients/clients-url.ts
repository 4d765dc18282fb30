import { withServer } from "../../system/address.ts";
import type { Cluster } from "../../system/schema.ts";
import { readClientsAddress } from "./address-file.ts";

/** Where a client would connect now, and by which way it is led there. */
export type ClientsWay = Readonly<{ url: string; by: string }>;

/**
 * The url that a client of this cluster uses at this moment: as whom `clients: { url }` says (else as we come in), to the
 * address in `clients: { file }` where there is one, else to the address in `clients: { url }`.
 * Undefined where nothing is declared by which it could be told, or the file is not there.
 * @param ownUrl one of the nodes' urls: user, password and database where the clients' own are not declared
 * Throws the file system's error for a file that cannot be read.
 */
export async function clientsWayOf(cluster: Cluster, ownUrl: string): Promise<ClientsWay | undefined> {
  const { file, url } = cluster.clients ?? {};
  if (file === undefined) return url === undefined ? undefined : { url, by: "the clients' own url" };
  const address = await readClientsAddress(file);
  if (address === undefined || address === "") return undefined;
  return { url: urlTo(address, url ?? ownUrl), by: `the address in ${file}` };
}

/** @param address `host:port`, `[v6]:port`, a host alone, or a socket's directory */
export function urlTo(address: string, url: string): string {
  const [, host = address, port = "5432"] = /^(.*):(\d+)$/.exec(address) ?? [];
  return withServer(url, host.replace(/^\[(.*)\]$/, "$1"), Number(port));
}
