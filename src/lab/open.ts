import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { didYouMean } from "../base/nearest.ts";
import { BlackstartError } from "../base/error.ts";
import { blackstartHome } from "../system/home.ts";
import { breakLab, healLab } from "./break.ts";
import { demolish } from "./demolish.ts";
import type { Lab, LabStatus } from "./lab.ts";
import { managerOf } from "./managers.ts";
import { addressFileOf, type LabRecord, readRecord } from "./record.ts";
import { statusOf } from "./status.ts";

/** The lab of this name. It need not be running; one that is half made can still be taken down. */
export async function openLab(name: string, home: string = defaultHome()): Promise<Lab> {
  const record = readRecord(join(resolve(home), name));
  if (record !== undefined) return labOf(record);
  const names = recordsIn(home).map((known) => known.name);
  throw new BlackstartError("UNKNOWN_NAME", {
    what: `There is no lab called “${name}”.${didYouMean(name, names)}`,
    why: names.length === 0 ? `${home} holds no lab.` : `There is: ${names.join(", ")}.`,
    next: "See `blackstart lab status`, or make one with `blackstart lab up`.",
  });
}

/** All labs, also those whose processes are gone. */
export async function listLabs(home: string = defaultHome()): Promise<readonly LabStatus[]> {
  return Promise.all(recordsIn(home).map(statusOf));
}

/** What lies there, without a look at what runs. */
export function recordsIn(home: string): readonly LabRecord[] {
  try {
    return readdirSync(home)
      .map((name) => readRecord(join(resolve(home), name)))
      .filter((record) => record !== undefined);
  } catch {
    return []; // No such folder: no lab was ever made.
  }
}

export function labOf(record: LabRecord): Lab {
  return {
    name: record.name,
    manager: record.manager.kind,
    directory: record.directory,
    nodes: record.nodes,
    systemFile: join(record.directory, "blackstart.yaml"),
    addressFile: addressFileOf(record),
    get notes() {
      return managerOf(record).notes?.(record) ?? { replacements: [], inside: {} };
    },
    node(name) {
      const node = record.nodes.find((candidate) => candidate.name === name);
      if (node !== undefined) return node;
      const names = record.nodes.map((candidate) => candidate.name);
      throw new BlackstartError("UNKNOWN_NAME", {
        what: `The lab ${record.name} has no node “${name}”.${didYouMean(name, names)}`,
        why: `Its nodes are ${names.join(", ")}.`,
        next: "Name one of them.",
      });
    },
    clientUrl: () => managerOf(record).clientUrl(record),
    status: () => statusOf(record),
    break: (fault, target) => breakLab(record, fault, target),
    heal: (fault, target) => healLab(record, fault, target),
    down: () => demolish(record),
  };
}

export function defaultHome(): string {
  return join(blackstartHome(), "labs");
}
