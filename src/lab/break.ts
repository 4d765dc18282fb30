import { BlackstartError } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";
import { type Instant, pollUntil, systemClock } from "../base/time.ts";
import type { Fault } from "./faults/fault.ts";
import { faults } from "./faults/faults.ts";
import { namesOf } from "./faults/roles.ts";
import { managerOf } from "./managers.ts";
import { identityOf, serverProcessesIn } from "./processes.ts";
import type { LabRecord, NodeRecord } from "./record.ts";

const effectTimeoutMs = 10_000;

/** Injects a fault and returns when it is seen to have taken effect. */
export async function breakLab(
  record: LabRecord,
  name: string,
  target?: string,
): Promise<{ done: string; at: Instant }> {
  const fault = faultOf(name);
  const nodes = target === undefined ? await fault.targets(record) : [nodeOf(record, target)];
  if (nodes.length === 0) throw noTarget(record, fault);
  const before = nodes
    .flatMap(({ dataDirectory }) => serverProcessesIn(dataDirectory))
    .map(({ pid }) => identityOf(pid))
    .filter((identity) => identity !== undefined);
  const at = systemClock.now();
  const done = await fault.inject(record, nodes);
  const effective = await pollUntil(async () => ((await fault.tookEffect(record, nodes, before)) ? true : undefined), {
    everyMs: 2,
    timeoutMs: effectTimeoutMs,
  });
  if (effective) return { done, at };
  throw new BlackstartError("LAB_FAILED", {
    what: `The fault ${name} was injected into ${namesOf(nodes)} and took no effect within ${effectTimeoutMs / 1000} s.`,
    why: `Expected: ${fault.description}`,
    next: "See `blackstart lab status`; take the lab down and make it anew.",
  });
}

/** Takes a fault back, on one node or on all; doing it where nothing is broken changes nothing. */
export async function healLab(record: LabRecord, name: string, target?: string): Promise<{ done: string }> {
  const fault = faultOf(name);
  const nodes = target === undefined ? record.nodes : [nodeOf(record, target)];
  if (fault.heal !== undefined) {
    const done = await fault.heal(record, nodes);
    const more = await managerOf(record).afterHeal?.(record, nodes);
    return { done: more === undefined ? done : `${done} ${more}` };
  }
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${name} cannot be taken back.`,
    why: "It needs a recovery: one of the two histories has to go.",
    next: "Use `blackstart mitigate`, or take the lab down and make it anew.",
  });
}

function faultOf(name: string): Fault {
  const found = faults.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  throw unknown(
    "fault",
    name,
    faults.map((fault) => fault.name),
  );
}

function nodeOf(record: LabRecord, name: string): NodeRecord {
  const found = record.nodes.find((node) => node.name === name);
  if (found !== undefined) return found;
  throw unknown(
    "node",
    name,
    record.nodes.map((node) => node.name),
  );
}

function unknown(what: string, name: string, names: readonly string[]): BlackstartError {
  return new BlackstartError("UNKNOWN_NAME", {
    what: `There is no ${what} called “${name}”.${didYouMean(name, names)}`,
    why: `There are: ${names.join(", ")}.`,
    next: "Name one of them.",
  });
}

function noTarget(record: LabRecord, fault: Fault): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The fault ${fault.name} finds nothing to break in the lab ${record.name}.`,
    why: "No node has, at this moment, the role that it looks for.",
    next: `Name the node that is meant: ${namesOf(record.nodes)}.`,
  });
}
