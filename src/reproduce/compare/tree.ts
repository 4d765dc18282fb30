import type { Json } from "../../base/json.ts";

/** A leaf of a tree of configuration: `["synchronous_mode"]` and its value as text. */
export type Leaf = Readonly<{ path: readonly string[]; value: string }>;

/** The leaves of a tree that may differ by meaning; what must differ (addresses, names, paths) is left out. Pure. */
export function leavesOf(tree: Json, path: readonly string[] = []): readonly Leaf[] {
  if (path.some((name) => placeNames.test(name))) return [];
  if (tree !== null && typeof tree === "object") {
    const entries = Array.isArray(tree)
      ? tree.map((item, index) => [String(index + 1), item] as const)
      : Object.entries(tree);
    if (entries.length === 0) return path.length === 0 ? [] : [{ path, value: Array.isArray(tree) ? "[]" : "{}" }];
    return entries.flatMap(([name, item]) => leavesOf(item as Json, [...path, name]));
  }
  return [{ path, value: String(tree) }];
}

/** Where a thing lies, and how it is called: Patroni's and Corosync's names. */
const placeNames =
  /^(name|scope|namespace|hosts?|host_ip|url|proxy|listen|connect_address|proxy_address|(data|bin|config|log)_?dir|dir|pgpass|socket_dir|.*(certfile|keyfile|cafile|cacert|crlfile)|cert|key|interface|node|nodelist|bindnetaddr|mcastaddr|mcastport|cluster_name|logfile|self_addr|partner_addrs|username)$/;
