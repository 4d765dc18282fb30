import type { Fault } from "./fault.ts";
import { startAgain } from "./kill.ts";
import { namesOf, primariesOf } from "./roles.ts";
import { postmasterOf } from "../servers.ts";
import { send } from "../signals.ts";

export const killPostmaster: Fault = {
  name: "kill-postmaster",
  description:
    "The primary's postmaster alone is killed; the others notice and end by themselves, their clients with them.",
  targets: primariesOf,
  async inject(_, nodes) {
    for (const node of nodes) {
      const pid = postmasterOf(node);
      if (pid !== undefined) send(pid, "SIGKILL");
    }
    return `Sent SIGKILL to the postmaster of ${namesOf(nodes)}.`;
  },
  tookEffect: (_, nodes, before) => nodes.every((node) => !before.some(({ pid }) => pid === postmasterOf(node))),
  heal: startAgain,
};
