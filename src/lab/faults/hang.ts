import { serverProcessesIn } from "../processes.ts";
import type { Fault } from "./fault.ts";
import { namesOf, primariesOf } from "./roles.ts";
import { signalAll } from "../signals.ts";

export const hang: Fault = {
  name: "hang",
  description: "All processes of the primary are halted: its connections stay open and nothing answers, ever.",
  targets: primariesOf,
  async inject(_, nodes) {
    for (const node of nodes) signalAll(node, "SIGSTOP");
    return `Sent SIGSTOP to every process of ${namesOf(nodes)}.`;
  },
  async tookEffect(_, nodes) {
    const processes = nodes.map((node) => serverProcessesIn(node.dataDirectory));
    return processes.every((all) => all.length > 0 && all.every(({ state }) => state === "T"));
  },
  async heal(_, nodes) {
    for (const node of nodes) signalAll(node, "SIGCONT");
    return `Sent SIGCONT to every process of ${namesOf(nodes)}.`;
  },
};
