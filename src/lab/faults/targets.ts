import { BlackstartError } from "../../base/error.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { RoleNow } from "../lab.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { rolesNow } from "../roles-now.ts";
import { isRunning, isStandby } from "../servers.ts";
import type { Fault } from "./fault.ts";
import { primariesOf, standbysOf } from "./roles.ts";
import { namesOf } from "./server.ts";

/**
 * Where a fault is done, in words: a node by its name or by the role that it has now, and behind a dot one of its
 * processes, `all` where none is named: `pg2`, `primary.checkpointer`, `sync.walreceiver`.
 */
export type Aim = Readonly<{ nodes: readonly NodeRecord[]; process: string }>;

type Selector = (lab: LabRecord) => readonly NodeRecord[] | Promise<readonly NodeRecord[]>;

const selectors: Readonly<Record<string, Selector>> = {
  primary: primariesOf,
  sync: (lab) => standbysOf(lab, "synchronous"),
  synchronous: (lab) => standbysOf(lab, "synchronous"),
  async: (lab) => standbysOf(lab, "asynchronous"),
  asynchronous: (lab) => standbysOf(lab, "asynchronous"),
  "one-primary": oneThatAnswersAs("primary"),
  "one-synchronous": oneThatAnswersAs("synchronous"),
  "one-asynchronous": oneThatAnswersAs("asynchronous"),
  standby: (lab) => lab.nodes.filter((node) => isRunning(node) && isStandby(node)),
  "one-standby": async (lab) =>
    [...(await standbysOf(lab, "asynchronous")), ...(await standbysOf(lab, "synchronous"))].slice(0, 1),
  every: (lab) => lab.nodes.filter(isRunning),
};

/** The names by which a node can be aimed at for what it is now. */
export const roles: readonly string[] = Object.keys(selectors);

/** Not one that hangs: another may have become in the meantime what it was. */
function oneThatAnswersAs(role: RoleNow): Selector {
  return async (lab) => {
    const roles = await rolesNow(lab);
    return lab.nodes.filter(({ name }) => roles[name] === role).slice(0, 1);
  };
}

export async function aimAt(lab: LabRecord, fault: Fault, said: string | undefined): Promise<Aim> {
  const expression = said ?? fault.on;
  const nodes = namesOf(lab.nodes);
  if (expression === undefined)
    throw new BlackstartError("USAGE", {
      what: `Where is the fault ${fault.name} to be done?`,
      why: `It can be done to any node (${nodes}), by its name or by its role now: ${roles.join(", ")}.`,
      next: `Say it: --on ${fault.kind === "process" ? "primary.checkpointer" : "primary"}`,
    });
  const [place, process] = parts(lab, expression);
  if (process !== undefined && fault.kind !== "process")
    throw new BlackstartError("USAGE", {
      what: `The fault ${fault.name} is done to a node, not to one of its processes.`,
      why: `“${expression}” names a process.`,
      next: `Name the node: --on ${place}`,
    });
  const found = await nodesOf(lab, place);
  if (found.length === 0) throw nobodyThere(lab, fault, place);
  const usual = fault.on === undefined ? undefined : parts(lab, fault.on)[1];
  return { nodes: found, process: process ?? usual ?? "all" };
}

/** A name may hold a dot: only what is behind the last one can be a process, and only where the whole is no name. */
function parts(lab: LabRecord, expression: string): readonly [place: string, process: string | undefined] {
  const dot = expression.lastIndexOf(".");
  if (dot <= 0 || lab.nodes.some(({ name }) => name === expression)) return [expression, undefined];
  return [expression.slice(0, dot), expression.slice(dot + 1)];
}

async function nodesOf(lab: LabRecord, place: string): Promise<readonly NodeRecord[]> {
  const named = lab.nodes.filter(({ name }) => name === place);
  if (named.length > 0) return named;
  const select = Object.hasOwn(selectors, place) ? selectors[place] : undefined;
  if (select !== undefined) return select(lab);
  const candidates = [...lab.nodes.map(({ name }) => name), ...roles];
  throw new BlackstartError("UNKNOWN_NAME", {
    what: `There is no node “${place}” in the lab ${lab.name}.${didYouMean(place, candidates)}`,
    why: `There are ${namesOf(lab.nodes)}; and by their role now: ${roles.join(", ")}.`,
    next: "Name one of them.",
    details: { name: place, candidates },
  });
}

function nobodyThere(lab: LabRecord, fault: Fault, place: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The fault ${fault.name} finds nothing to break in the lab ${lab.name}.`,
    why: `No node that runs is, at this moment, what “${place}” stands for.`,
    next: `Name the node that is meant: ${namesOf(lab.nodes)}.`,
  });
}
