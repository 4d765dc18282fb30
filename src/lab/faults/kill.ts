import type { LabRecord, NodeRecord } from "../record.ts";
import { logFileOf, primaryReady, standbyReady, startServer } from "../server-start.ts";
import type { Fault } from "./fault.ts";
import { isRunning, isStandby, namesOf } from "./roles.ts";
import { killAll, noneLeft } from "./signals.ts";

const startTimeoutMs = 30_000;

/** The faults that kill whole servers differ only in whom they kill. */
export function killFault(
  name: string,
  description: string,
  targets: (lab: LabRecord) => readonly NodeRecord[],
): Fault {
  return {
    name,
    description,
    targets,
    async inject(_, nodes) {
      killAll(nodes);
      return `Sent SIGKILL to every process of ${namesOf(nodes)}.`;
    },
    tookEffect: async (_, nodes) => nodes.every(noneLeft),
    heal: startAgain,
  };
}

/** Starts what is down, as it is: a former primary starts as a primary. That is for the one who heals to know. */
export async function startAgain(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string> {
  const down = nodes.filter((node) => !isRunning(node));
  await Promise.all(
    down.map((node) =>
      startServer(
        { name: node.name, binaries: lab.binaries, dataDirectory: node.dataDirectory },
        isStandby(node) ? standbyReady : primaryReady,
        { timeoutMs: startTimeoutMs, signal: AbortSignal.timeout(startTimeoutMs + 1000) },
      ),
    ),
  );
  return down.length === 0
    ? `${namesOf(nodes)} ran already.`
    : `Started ${namesOf(down)}; see ${down.map(({ dataDirectory }) => logFileOf(dataDirectory)).join(", ")}.`;
}
