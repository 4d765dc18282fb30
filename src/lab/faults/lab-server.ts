import { readFileSync } from "node:fs";
import type { ProcessEntry } from "../../drivers/postgres/instance/processes.ts";
import { managerOf } from "../managers.ts";
import { identityOf, type ProcessInfo, serverProcessesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { send } from "../signals.ts";
import { withRoles } from "./process-roles.ts";
import type { Server } from "./server.ts";

/** A lab's node as a server that may be broken. Straight through /proc: what falls together must fall at one moment. */
export function labServer(lab: LabRecord, node: NodeRecord): Server {
  return {
    name: node.name,
    url: node.ownUrl,
    processes: async () => withRoles(serverProcessesIn(node.dataDirectory).flatMap(entryOf)),
    async signal(processes, signal) {
      for (const { pid, started } of processes) if (identityOf(pid)?.startTime === started) send(pid, signal);
    },
    start: async () => (await managerOf(lab).powerOn(lab, [node])).length > 0,
  };
}

function entryOf({ pid, parent, state, startTime }: ProcessInfo): readonly ProcessEntry[] {
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return [{ pid, parent, state, started: startTime, title }];
  } catch {
    return []; // It ended meanwhile.
  }
}
