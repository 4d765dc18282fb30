import { BlackstartError } from "../base/error.ts";
import type { Fleet } from "../drivers/fleet.ts";
import { listProcesses, signalProcesses } from "../drivers/postgres/instance/processes.ts";
import { cacheOf, nodeNamed, nodeOf } from "../system/names.ts";
import type { System } from "../system/schema.ts";
import { type Broken, breakAndSee, cannotBeHealed, faultOf } from "./break.ts";
import type { Fault } from "./faults/fault.ts";
import { readParameters } from "./faults/parameters.ts";
import { withRoles } from "./faults/process-roles.ts";
import type { Server } from "./faults/server.ts";

const startTimeoutMs = 60_000;

/**
 * Injects a fault into a node or a cache of a system, which blackstart.yaml must declare expendable. Only what works
 * through SQL, through the node's host, or through the cache itself: a system's disks and networks are not ours.
 */
export async function breakExpendable(
  system: System,
  fleet: Fleet,
  name: string,
  target: string | undefined,
  given: Readonly<Record<string, unknown>>,
): Promise<Broken> {
  const fault = faultOf(name);
  const parameters = readParameters(fault, given);
  const said = target ?? missing(fault);
  switch (fault.kind) {
    case "lab":
      throw labOnly(fault);
    case "cache": {
      const { redis: url, expendable } = cacheOf(system, said);
      assertExpendable(expendable, `cache ${said}`);
      return breakAndSee(fault, said, () => fault.inject({ name: said, url }, parameters));
    }
    case "process": {
      const { server, role } = expendableServer(system, fleet, said, fault);
      return breakAndSee(fault, said, () => fault.inject([{ server, role: role ?? "all" }], parameters));
    }
    case "sql": {
      const { server } = expendableServer(system, fleet, said, fault);
      return breakAndSee(fault, said, () => fault.inject([server], parameters));
    }
  }
}

/** Takes a fault back on the node that is named. */
export async function healExpendable(
  system: System,
  fleet: Fleet,
  name: string,
  target: string | undefined,
): Promise<{ done: string }> {
  const fault = faultOf(name);
  if (fault.kind === "lab") throw labOnly(fault);
  if (fault.heal === undefined) throw cannotBeHealed(fault);
  return { done: await fault.heal([expendableServer(system, fleet, target ?? missing(fault), fault).server]) };
}

function expendableServer(system: System, fleet: Fleet, said: string, fault: Fault): { server: Server; role?: string } {
  const [place, role] = parts(system, said);
  const { cluster, node } = nodeNamed(system, place);
  const { expendable, host, url } = nodeOf(system, cluster, node);
  assertExpendable(expendable, `node ${cluster}/${node}`);
  const usual = fault.on?.split(".")[1];
  const instance = async () => (await fleet.instance(cluster, node)) ?? hostless(`${cluster}/${node}`);
  const server: Server = {
    name: `${cluster}/${node}`,
    url,
    processes: async () =>
      withRoles(await listProcesses(fleet.host(host ?? hostless(node)), (await instance()).dataDirectory)),
    signal: (processes, signal) =>
      signalProcesses(fleet.host(host ?? hostless(node)), processes, signal.replace(/^SIG/, "")),
    async start() {
      if ((await (await instance()).inspect()).state !== "down") return false;
      await (await instance()).start(startTimeoutMs);
      return true;
    },
  };
  const meant = role ?? usual;
  return meant === undefined ? { server } : { server, role: meant };
}

/** Names may hold dots: only behind the last one can a process stand, and only where the whole is no node's name. */
function parts(system: System, said: string): readonly [place: string, role: string | undefined] {
  const names = Object.entries(system.clusters).flatMap(([cluster, { nodes }]) =>
    Object.keys(nodes).flatMap((node) => [node, `${cluster}/${node}`]),
  );
  const dot = said.lastIndexOf(".");
  return dot <= 0 || names.includes(said) ? [said, undefined] : [said.slice(0, dot), said.slice(dot + 1)];
}

function assertExpendable(expendable: boolean, what: string): void {
  if (expendable) return;
  throw new BlackstartError("REFUSED", {
    what: `The ${what} may not be broken.`,
    why: "Its system file does not declare it expendable.",
    next: "Make a lab (`blackstart lab up`); or, where nothing of it is needed, set `expendable: true` there.",
  });
}

function labOnly(fault: Fault): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The fault ${fault.name} is for labs.`,
    why: "It works on what a lab made around its servers (network, disks, files); a system's own is not touched.",
    next: "Make a lab: blackstart lab up",
  });
}

function missing(fault: Fault): never {
  throw new BlackstartError("USAGE", {
    what: `Where is the fault ${fault.name} to be done?`,
    why: "In a system, what is broken is always named.",
    next: fault.kind === "cache" ? "Name the cache: --on <cache>" : "Name the node: --on <cluster>/<node>",
  });
}

function hostless(node: string): never {
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The processes of ${node} cannot be reached.`,
    why: "Its system file names no `host` for it, or nobody knows its data directory.",
    next: "Set `host` and `data` of the node in the system file.",
  });
}
