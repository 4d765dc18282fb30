import { BlackstartError } from "../base/error.ts";
import type { LabManager } from "./manager.ts";
import { pacemaker } from "./pacemaker/pacemaker.ts";
import { patroni } from "./patroni/patroni.ts";
import type { LabRecord } from "./record.ts";
import { streaming } from "./streaming/streaming.ts";

const managers: readonly LabManager[] = [streaming, patroni, pacemaker];

export function managerOf(record: LabRecord): LabManager {
  return managerNamed(record.manager.kind);
}

export function managerNamed(name: string): LabManager {
  const found = managers.find((manager) => manager.name === name);
  if (found !== undefined) return found;
  throw new BlackstartError("USAGE", {
    what: `There is no lab with the manager “${name}”.`,
    why: `There are: ${managers.map((manager) => manager.name).join(", ")}.`,
    next: "Name one of them.",
  });
}
