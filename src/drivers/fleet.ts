import { dirname } from "node:path";
import { BlackstartError } from "../base/error.ts";
import { nodeOf } from "../system/names.ts";
import type { System } from "../system/schema.ts";
import type { ObservationEvent } from "../timeline/observation.ts";
import type { Host } from "./host/host.ts";
import { hostOf } from "./host/host-of.ts";
import { type Connection, type ConnectOptions, connect, withConnection } from "./postgres/connection.ts";
import type { Instance } from "./postgres/instance.ts";
import { openInstance } from "./postgres/instance/open-instance.ts";

/** The servers and machines of a system, by the names of its file. Hosts are opened once and kept until `close`. */
export interface Fleet {
  connect(cluster: string, node: string, options?: ConnectOptions): Promise<Connection>;
  host(reference: string): Host;
  /** Undefined where the node has no `host`, or nobody knows its data directory. */
  instance(cluster: string, node: string): Promise<Instance | undefined>;
  close(): Promise<void>;
}

/** The last `node.observed` of a node, if there was one. */
export type Remembered = (
  cluster: string,
  node: string,
) => ObservationEvent["data"] | undefined | Promise<ObservationEvent["data"] | undefined>;

/** How long a server that is not remembered may take to say where its data lies. */
const askTimeoutMs = 1000;

export function createFleet(system: System, remembered: Remembered = () => undefined): Fleet {
  const hosts = new Map<string, ReturnType<typeof hostOf>>();
  const instances = new Map<string, Instance>();
  const host = (reference: string) => {
    const known = hosts.get(reference) ?? hostOf(reference);
    hosts.set(reference, known);
    return known;
  };
  return {
    connect: async (cluster, node, options) => connect(nodeOf(system, cluster, node).url, options),
    host,
    async instance(cluster, name) {
      const node = nodeOf(system, cluster, name);
      const key = JSON.stringify([cluster, name]);
      const known = instances.get(key);
      if (node.host === undefined || known !== undefined) return known;
      const place = await placeOf(node.url, node.data, await remembered(cluster, name));
      if (place === undefined) return undefined;
      const { binaries, start, stop } = node;
      const instance = openInstance({ host: host(node.host), node: name, binaries, start, stop, ...place });
      instances.set(key, instance);
      return instance;
    },
    async close() {
      instances.clear();
      await Promise.all([...hosts.values()].map((one) => one.close()));
      hosts.clear();
    },
  };
}

type DataPlace = Readonly<{ dataDirectory: string; configFile: string | undefined }>;

/** From the file, else from when the server was last seen, else from the server itself if it answers. */
async function placeOf(
  url: string,
  declared: string | undefined,
  last: ObservationEvent["data"] | undefined,
): Promise<DataPlace | undefined> {
  const known = declared ?? last?.dataDirectory;
  if (known) return { dataDirectory: known, configFile: elsewhere(last?.dataDirectory ?? known, last?.configFile) };
  const asked = await askServer(url);
  if (!asked?.data) return undefined;
  return { dataDirectory: asked.data, configFile: elsewhere(asked.data, asked.config ?? undefined) };
}

/** By the server's own word for both: in a container, neither is the path that its machine knows. */
function elsewhere(dataDirectory: string, configFile: string | undefined): string | undefined {
  return configFile && dirname(configFile) !== dataDirectory ? configFile : undefined;
}

async function askServer(url: string): Promise<{ data: string | null; config: string | null } | undefined> {
  const query = `
    select max(setting) filter (where name = 'data_directory') as data,
           max(setting) filter (where name = 'config_file') as config
    from pg_settings`;
  try {
    const options = { timeoutMs: askTimeoutMs, queryTimeoutMs: askTimeoutMs };
    const [row] = await withConnection(url, options, (connection) =>
      connection.query<{ data: string | null; config: string | null }>(query),
    );
    return row;
  } catch (error) {
    // It does not answer, or does not let us in: then it cannot say where its data lies. Anything else is a mistake.
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}
