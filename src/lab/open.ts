import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { didYouMean } from "../base/nearest.ts";
import { BlackstartError } from "../base/error.ts";
import { blackstartHome } from "../system/home.ts";
import { archiveLog, backUp, restore } from "./backup.ts";
import { breakLab, healLab } from "./break.ts";
import { demolish } from "./demolish.ts";
import type { Lab, LabStatus } from "./lab.ts";
import { managerOf } from "./managers.ts";
import { promoteByHand } from "./promote.ts";
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
  const nodeOf = (name: string) => {
    const node = record.nodes.find((candidate) => candidate.name === name);
    if (node !== undefined) return node;
    const names = record.nodes.map((candidate) => candidate.name);
    throw new BlackstartError("UNKNOWN_NAME", {
      what: `The lab ${record.name} has no node “${name}”.${didYouMean(name, names)}`,
      why: `Its nodes are ${names.join(", ")}.`,
      next: "Name one of them.",
    });
  };
  return {
    name: record.name,
    manager: record.manager.kind,
    directory: record.directory,
    nodes: record.nodes,
    systemFile: join(record.directory, "blackstart.yaml"),
    addressFile: addressFileOf(record),
    node: nodeOf,
    get notes() {
      return managerOf(record).notes?.(record) ?? { replacements: [], inside: {} };
    },
    clientUrl: () => managerOf(record).clientUrl(record),
    status: () => statusOf(record),
    break: (fault, target, parameters) => breakLab(record, fault, target, parameters),
    heal: (fault, target) => healLab(record, fault, target),
    promote: (which) => promoteByHand(record, which),
    manage: (words) => manage(record, words),
    configuration: () => configurationOf(record),
    backUp: () => backUp(record),
    archiveLog: () => archiveLog(record),
    restore: async (name) => restore(record, nodeOf(name)),
    down: () => demolish(record),
  };
}

async function manage(record: LabRecord, words: string): Promise<{ done: string }> {
  const { command } = managerOf(record);
  if (command === undefined) throw without(record, "has no command line of its own", "patroni or pacemaker");
  return { done: await command(record, words) };
}

async function configurationOf(record: LabRecord): Promise<string> {
  const { configuration } = managerOf(record);
  if (configuration === undefined) throw without(record, "has no configuration of its own", "pacemaker");
  return configuration(record);
}

function without(record: LabRecord, why: string, managers: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The manager of the lab ${record.name} ${why}.`,
    why: `Nobody fails over there by commands or by a configuration: it is a lab with ${record.manager.kind}.`,
    next: `Make one with ${managers}, e.g. \`blackstart lab up --manager pacemaker\`.`,
  });
}

export function defaultHome(): string {
  return join(blackstartHome(), "labs");
}
