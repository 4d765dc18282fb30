import { BlackstartError } from "../base/error.ts";
import type { Fleet } from "../drivers/fleet.ts";
import type { Connection } from "../drivers/postgres/connection.ts";
import { reachabilityOf } from "../drivers/postgres/reachability.ts";

/**
 * Connections to the cluster's servers, kept open for a moment between two steps: making one anew for each step would
 * be a good part of the time for which clients wait.
 */
export interface Sessions {
  /** Does something over a connection that is open already, or a new one. */
  use<T>(cluster: string, node: string, work: (connection: Connection) => Promise<T>): Promise<T>;
  /** The same over a new one, which proves that the server takes connections. */
  useNew<T>(cluster: string, node: string, work: (connection: Connection) => Promise<T>): Promise<T>;
}

/** Long enough to bridge two steps, too short to count against max_connections or to keep a process from ending. */
const idleMs = 1000;
const connectTimeoutMs = 1000;
/** For a step's retry: a plan must not stop half-way because of a busy machine or a slow network. */
const patientTimeoutMs = 3000;
const queryTimeoutMs = 3000;

const known = new WeakMap<Fleet, Sessions>();

/** One set of connections a fleet, shared by those who look and those who act. */
export function sessionsOf(fleet: Fleet): Sessions {
  const sessions = known.get(fleet) ?? createSessions(fleet);
  known.set(fleet, sessions);
  return sessions;
}

type Idle = { readonly connection: Connection; timer: NodeJS.Timeout };

function createSessions(fleet: Fleet): Sessions {
  const idle = new Map<string, Idle[]>();

  function take(key: string): Connection | undefined {
    const entry = idle.get(key)?.pop();
    if (entry) clearTimeout(entry.timer);
    return entry?.connection;
  }

  function forget(key: string, connection: Connection): void {
    const left = (idle.get(key) ?? []).filter((entry) => {
      if (entry.connection === connection) clearTimeout(entry.timer);
      return entry.connection !== connection;
    });
    idle.set(key, left);
  }

  function giveBack(key: string, connection: Connection): void {
    const timer = setTimeout(() => {
      forget(key, connection);
      void connection.close();
    }, idleMs);
    idle.set(key, [...(idle.get(key) ?? []), { connection, timer }]);
  }

  async function open(cluster: string, node: string, timeoutMs = connectTimeoutMs): Promise<Connection> {
    const connection = await fleet.connect(cluster, node, { timeoutMs, queryTimeoutMs });
    connection.onClosed(() => forget(`${cluster}/${node}`, connection));
    return connection;
  }

  async function openPatiently(cluster: string, node: string): Promise<Connection> {
    try {
      return await open(cluster, node);
    } catch (error) {
      if (reachabilityOf(error).kind !== "silent") throw error;
      return open(cluster, node, patientTimeoutMs);
    }
  }

  async function run<T>(key: string, connection: Connection, work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      const answer = await work(connection);
      giveBack(key, connection);
      return answer;
    } catch (error) {
      if (error instanceof BlackstartError && error.code === "QUERY_FAILED") giveBack(key, connection);
      else void connection.close();
      throw error;
    }
  }

  return {
    useNew: async (cluster, node, work) => run(`${cluster}/${node}`, await open(cluster, node), work),
    async use(cluster, node, work) {
      const key = `${cluster}/${node}`;
      return run(key, take(key) ?? (await openPatiently(cluster, node)), work);
    },
  };
}
