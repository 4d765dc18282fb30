import { managerOf } from "../managers.ts";
import { isAlive } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import type { Fault } from "./fault.ts";
import { namesOf } from "./roles.ts";
import { killAll } from "../signals.ts";

/** The faults that kill whole servers differ only in whom they kill. */
export function killFault(name: string, description: string, targets: Fault["targets"]): Fault {
  return {
    name,
    description,
    targets,
    async inject(_, nodes) {
      killAll(nodes);
      return `Sent SIGKILL to every process of ${namesOf(nodes)}.`;
    },
    tookEffect: (_lab, _nodes, before) => !before.some(isAlive),
    heal: startAgain,
  };
}

/** Starts what is down, as it is: a former primary starts as a primary. That is for the one who heals to know. */
export async function startAgain(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string> {
  const down = await managerOf(lab).powerOn(lab, nodes);
  return down.length === 0
    ? `${namesOf(nodes)} ran already.`
    : `Started ${namesOf(down)}; see ${down.flatMap(({ logs }) => logs).join(", ")}.`;
}
