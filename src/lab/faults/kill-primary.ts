import { primariesOf } from "./roles.ts";
import { killAll, noneLeft } from "./signals.ts";
import type { Fault } from "./faults.ts";

export const killPrimary: Fault = {
  name: "kill-primary",
  description: "Every process of the primary is gone at once, as after a power cut; its data directory is left.",
  targets: primariesOf,
  async inject(_, nodes) {
    for (const node of nodes) killAll(node);
    return `Sent SIGKILL to every process of ${nodes.map(({ name }) => name).join(", ")}.`;
  },
  tookEffect: async (_, nodes) => nodes.every(noneLeft),
};
