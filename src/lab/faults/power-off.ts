import { managerOf } from "../managers.ts";
import type { Fault } from "./fault.ts";
import { startAgain } from "./kill.ts";
import { namesOf, primariesOf } from "./roles.ts";

export const powerOff: Fault = {
  name: "power-off",
  description: "The primary's machine is without power: the server and whatever manages it there are gone at once.",
  targets: primariesOf,
  async inject(lab, nodes) {
    await managerOf(lab).powerOff(lab, nodes);
    return `Switched off ${namesOf(nodes)}.`;
  },
  tookEffect: (lab, nodes) => nodes.every((node) => managerOf(lab).processesOf(lab, node).length === 0),
  heal: startAgain,
};
