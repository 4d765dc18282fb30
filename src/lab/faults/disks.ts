import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import { managerOf } from "../managers.ts";
import { serverProcessesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { deviceOf } from "../mounts.ts";
import { hasVolumes, remountVolumes, type Volume, volumesOf } from "../volumes.ts";
import { errorOfWrite, fill, free, raiseError, shutDown } from "./disk-device.ts";
import { type LabFault, noParameters } from "./fault.ts";
import { labServer } from "./lab-server.ts";
import { namesOf } from "./server.ts";

const needs = "a lab whose nodes have disks of their own, as root: `lab up --disks`";
const of = z.strictObject({
  of: z.enum(["both", "data", "wal"]).default("both").describe("Which disk: that of the data, or that of the log."),
});
type Of = z.output<typeof of>;
const facts = { kind: "lab", needs, on: "primary", parameters: of, heal: mend } as const;
const comeBackTimeoutMs = 3000;
const repaired = "`heal` ends the server, checks and mounts the disk anew, and starts the server.";

export const diskReadOnly: LabFault<Of> = {
  ...facts,
  name: "disk-read-only",
  description: "The disk of the primary is read-only after an error, as ext4 makes it: every write fails with EROFS.",
  undo: repaired,
  inject: (lab, nodes, { of: which }) => breakVolumes(lab, nodes, which, "read-only", "EROFS", raiseError),
};

export const diskFailing: LabFault<Of> = {
  ...facts,
  name: "disk-failing",
  description: "The disk of the primary answers every write with an input/output error (EIO).",
  undo: repaired,
  inject: (lab, nodes, { of: which }) => breakVolumes(lab, nodes, which, "failing", "EIO", (it) => shutDown(it, 1)),
};

export const diskFull: LabFault<Of> = {
  ...facts,
  name: "disk-full",
  description: "The disk of the primary is full: no space is left for data, or for the log (ENOSPC).",
  undo: "`heal` frees the space, and starts the server if it ended.",
  inject: (lab, nodes, { of: which }) => breakVolumes(lab, nodes, which, "full", "ENOSPC", fill),
};

export const powerLoss: LabFault = {
  kind: "lab",
  name: "power-loss",
  description:
    "The primary's machine lost its power: all is gone at once, and with it what was written and not yet on the disk.",
  undo: "`heal` switches it on again: the server recovers from what its disk has.",
  needs,
  on: "primary",
  parameters: noParameters,
  async inject(lab, nodes) {
    for (const node of nodes) assertVolumes(lab, node);
    // Nothing may be written any more once the first disk is gone.
    const servers = nodes.map((node) => labServer(lab, node));
    for (const server of servers) await server.signal(await server.processes(), "SIGSTOP");
    for (const volume of nodes.flatMap(volumesOf)) await shutDown(volume, 2);
    await managerOf(lab).powerOff(lab, nodes);
    await remountVolumes(nodes, { check: false });
    return {
      done: `Cut the power of ${namesOf(nodes)}; what was not yet on its disk is lost.`,
      tookEffect: async () => nodes.every((node) => managerOf(lab).processesOf(lab, node).length === 0),
    };
  },
  async heal(lab, nodes) {
    await mend(lab, nodes); // A power loss that was cut short has left its disks unmounted.
    const on = await managerOf(lab).powerOn(lab, nodes);
    return on.length === 0 ? `${namesOf(nodes)}: running already.` : `Started ${namesOf(on)}.`;
  },
};

async function breakVolumes(
  lab: LabRecord,
  nodes: readonly NodeRecord[],
  which: Of["of"],
  inWords: string,
  errno: string,
  act: (volume: Volume) => Promise<void>,
) {
  for (const node of nodes) assertVolumes(lab, node);
  const meant = nodes.flatMap(volumesOf).filter(({ of: has }) => [has, "both"].includes(which));
  for (const volume of meant) await act(volume);
  return {
    done: `The ${which === "both" ? "disks" : `disk of the ${which}`} of ${namesOf(nodes)} ${which === "both" ? "are" : "is"} ${inWords} now.`,
    tookEffect: async () => meant.every(({ mountPoint }) => errorOfWrite(mountPoint) === errno),
  };
}

/**
 * Frees what was filled; checks and mounts anew what takes no writes, or is not mounted; there, starts what is down or does
 * not come back. Where no disk is broken nothing is changed.
 */
async function mend(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string> {
  const own = nodes.filter(hasVolumes);
  const filled = own.filter((node) => volumesOf(node).map(free).includes(true));
  const broken = own.filter((node) => volumesOf(node).some(isBroken));
  await managerOf(lab).powerOff(lab, broken);
  await remountVolumes(broken, { check: true });
  const meant = own.filter((node) => filled.includes(node) || broken.includes(node));
  // PostgreSQL 18 whose startup process died of the disk once more stays "in recovery mode" without one, for ever.
  const answers = await Promise.all(meant.map(comesBack));
  await managerOf(lab).powerOff(
    lab,
    meant.filter((_, index) => !answers[index]),
  );
  const started = await managerOf(lab).powerOn(lab, meant);
  if (meant.length === 0) return own.length === 0 ? "No node has a disk of its own." : "No disk is broken.";
  const disks = `The disks of ${namesOf(meant)} take writes again`;
  return started.length === 0 ? `${disks}.` : `${disks}; started ${namesOf(started)}.`;
}

function isBroken({ mountPoint }: Volume): boolean {
  return deviceOf(mountPoint) === undefined || errorOfWrite(mountPoint) !== undefined;
}

async function comesBack({ ownUrl, dataDirectory }: NodeRecord): Promise<boolean> {
  const answer = await pollUntil(
    async () => {
      if (serverProcessesIn(dataDirectory).length === 0) return false;
      const accepted = withConnection(ownUrl, { timeoutMs: 500, queryTimeoutMs: 500 }, (it) => it.query("select 1"));
      return accepted.then(
        () => true,
        () => undefined, // It recovers, or it never will: the limit tells.
      );
    },
    { everyMs: 50, timeoutMs: comeBackTimeoutMs },
  );
  return answer === true;
}

function assertVolumes(lab: LabRecord, node: NodeRecord): void {
  if (hasVolumes(node) && volumesOf(node).every(({ mountPoint }) => deviceOf(mountPoint) !== undefined)) return;
  if (hasVolumes(node))
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `The disks of ${node.name} are not mounted.`,
      why: "A fault was cut short, or this machine was started anew.",
      next: `Heal first: blackstart lab heal power-loss --on ${node.name}`,
      details: { lab: lab.name, node: node.name },
    });
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${node.name} of the lab ${lab.name} has no disk of its own that could fail.`,
    why: "It lies on the disk of this machine.",
    next: "Make a lab with disks, as root: `blackstart lab up --disks`.",
    details: { lab: lab.name, node: node.name },
  });
}
