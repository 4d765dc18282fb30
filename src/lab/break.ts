import { BlackstartError } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";
import { pollUntil } from "../base/time.ts";
import { type Fault, faults } from "./faults/faults.ts";
import type { LabRecord, NodeRecord } from "./record.ts";

const effectTimeoutMs = 10_000;

/** Injects a fault and returns when it is seen to have taken effect. */
export async function breakLab(record: LabRecord, name: string, target?: string): Promise<{ done: string }> {
  const fault = faults.find((candidate) => candidate.name === name);
  if (fault === undefined)
    throw unknown(
      "fault",
      name,
      faults.map((candidate) => candidate.name),
    );
  if (target !== undefined && !record.nodes.some((node) => node.name === target)) {
    throw unknown(
      "node",
      target,
      record.nodes.map((node) => node.name),
    );
  }
  const nodes = target === undefined ? fault.targets(record) : record.nodes.filter((node) => node.name === target);
  if (nodes.length === 0) throw noTarget(record, fault);
  const done = await fault.inject(record, nodes);
  const effective = await pollUntil(async () => ((await fault.tookEffect(record, nodes)) ? true : undefined), {
    everyMs: 2,
    timeoutMs: effectTimeoutMs,
  });
  if (effective) return { done };
  throw new BlackstartError("LAB_FAILED", {
    what: `The fault ${name} was injected into ${namesOf(nodes)} and took no effect within ${effectTimeoutMs / 1000} s.`,
    why: `Expected: ${fault.description}`,
    next: "See `blackstart lab status`; take the lab down and make it anew.",
  });
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

function namesOf(nodes: readonly NodeRecord[]): string {
  return nodes.map(({ name }) => name).join(", ");
}
