import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { didYouMean } from "../base/nearest.ts";
import { BlackstartError } from "../base/error.ts";
import { blackstartHome } from "../system/home.ts";
import { isOurs } from "./account.ts";
import { breakLab, healLab } from "./break.ts";
import { demolish } from "./demolish.ts";
import type { Lab } from "./lab.ts";
import { isAlive, serverProcessesIn } from "./processes.ts";
import { type LabRecord, readRecord } from "./record.ts";

/** A lab as it is found on the disk and among the processes. */
export type LabStatus = Readonly<{
  name: string;
  directory: string;
  version: string;
  createdAt: string;
  /**
   * `half-made`: whoever was making it is gone. `being-made`: still at it. `stopped`: no server runs (any more).
   * `hidden`: it is another user's, whose processes we cannot see.
   */
  state: "running" | "partly-running" | "stopped" | "being-made" | "half-made" | "hidden";
  /** Ours, and the process that made it has ended: as it is meant for `lab up`, and a lab left behind for a test or a demo. */
  abandoned: boolean;
  nodes: readonly Readonly<{ name: string; role: string; port: number; processes: number }>[];
}>;

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
  return recordsIn(home).map(statusOf);
}

export function labOf(record: LabRecord): Lab {
  return {
    name: record.name,
    directory: record.directory,
    nodes: record.nodes,
    systemFile: join(record.directory, "blackstart.yaml"),
    addressFile: join(record.directory, "primary-address"),
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
    break: (fault, target) => breakLab(record, fault, target),
    heal: (fault, target) => healLab(record, fault, target),
    down: () => demolish(record),
  };
}

export function defaultHome(): string {
  return join(blackstartHome(), "labs");
}

function recordsIn(home: string): readonly LabRecord[] {
  try {
    return readdirSync(home)
      .map((name) => readRecord(join(resolve(home), name)))
      .filter((record) => record !== undefined);
  } catch {
    return []; // No such folder: no lab was ever made.
  }
}

function statusOf(record: LabRecord): LabStatus {
  const nodes = record.nodes.map(({ name, role, port, dataDirectory }) => ({
    name,
    role,
    port,
    processes: serverProcessesIn(dataDirectory).length,
  }));
  const running = nodes.filter(({ processes }) => processes > 0).length;
  return {
    name: record.name,
    directory: record.directory,
    version: record.version,
    createdAt: record.createdAt,
    state: stateOf(record, running),
    abandoned: isOurs(record.directory) && !isAlive(record.maker),
    nodes,
  };
}

function stateOf(record: LabRecord, running: number): LabStatus["state"] {
  if (!isOurs(record.directory)) return "hidden";
  if (record.state === "being-made") return isAlive(record.maker) ? "being-made" : "half-made";
  if (running === 0) return "stopped";
  return running === record.nodes.length ? "running" : "partly-running";
}
