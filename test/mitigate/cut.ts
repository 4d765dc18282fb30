import { BlackstartError } from "../../src/base/error.ts";
import type { Clock } from "../../src/base/time.ts";
import type { Fleet } from "../../src/drivers/fleet.ts";
import type { Connection } from "../../src/drivers/postgres/connection.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor, type Executor } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import type { World } from "./world.ts";

/** The nodes to which our way is cut: to the server, and to its machine unless that is left out. They see each other. */
export type Cut = Readonly<{ servers: Set<string>; machines: Set<string> }>;

export function cutBetween(): Cut {
  return { servers: new Set(), machines: new Set() };
}

export function cutOff({ servers, machines }: Cut, ...nodes: readonly string[]): void {
  for (const node of nodes) {
    servers.add(node);
    machines.add(node);
  }
}

/** An executor on our side of it. @param handled what happens around the handlers */
export function executorBehind(
  world: World,
  cut: Cut,
  { clock, handled = (one) => one }: { clock?: Clock; handled?: (one: StepHandler) => StepHandler } = {},
): Executor {
  const fleet = behind(world.fleet, cut);
  const { system, timeline } = world;
  const handlers = mitigationHandlers({ system, timeline, fleet, ...(clock && { clock }) });
  return createExecutor({ timeline, handlers: registryOf(...handlers.map(handled)) });
}

function behind(fleet: Fleet, { servers, machines }: Cut): Fleet {
  const assertThere = (away: Set<string>, node: string): void => {
    if (away.has(node)) throw silence(node);
  };
  return {
    ...fleet,
    async connect(cluster, node, options) {
      assertThere(servers, node);
      const connection = await fleet.connect(cluster, node, options);
      const query = async (...asked: Parameters<Connection["query"]>) => {
        assertThere(servers, node);
        return connection.query(...asked);
      };
      return { ...connection, query: query as Connection["query"] };
    },
    async instance(cluster, node) {
      assertThere(machines, node);
      return fleet.instance(cluster, node);
    },
  };
}

function silence(node: string): BlackstartError {
  return new BlackstartError("UNREACHABLE", {
    what: `No answer from ${node}`,
    why: "The way is cut.",
    next: "Wait.",
    details: { timeoutMs: 1000 },
  });
}
