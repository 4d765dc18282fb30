import { managerOf } from "../managers.ts";
import { type LabFault, noParameters } from "./fault.ts";
import { namesOf } from "./server.ts";

export const powerOff: LabFault = {
  kind: "lab",
  name: "power-off",
  description: "The primary's machine is without power: the server and whatever manages it there are gone at once.",
  undo: "`heal` switches it on again: everything starts as it is.",
  on: "primary",
  parameters: noParameters,
  async inject(lab, nodes) {
    await managerOf(lab).powerOff(lab, nodes);
    return {
      done: `Switched off ${namesOf(nodes)}.`,
      tookEffect: async () => nodes.every((node) => managerOf(lab).processesOf(lab, node).length === 0),
    };
  },
  async heal(lab, nodes) {
    const on = await managerOf(lab).powerOn(lab, nodes);
    return on.length === 0 ? `${namesOf(nodes)}: running already.` : `Started ${namesOf(on)}.`;
  },
};
