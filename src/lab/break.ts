import { BlackstartError } from "../base/error.ts";
import { type Instant, pollUntil, systemClock } from "../base/time.ts";
import { unknown } from "../system/names.ts";
import type { CacheFault, Fault, Injected } from "./faults/fault.ts";
import { faults } from "./faults/faults.ts";
import { labServer } from "./faults/lab-server.ts";
import { readParameters } from "./faults/parameters.ts";
import { namesOf } from "./faults/server.ts";
import { type Aim, aimAt } from "./faults/targets.ts";
import { managerOf } from "./managers.ts";
import { assertOwn } from "./own.ts";
import type { LabRecord, NodeRecord } from "./record.ts";

const effectTimeoutMs = 10_000;

/** What was done, in words, and when it began. */
export type Broken = Readonly<{ done: string; at: Instant }>;

/** Injects a fault and returns when it is seen to have taken effect. */
export async function breakLab(
  record: LabRecord,
  name: string,
  target?: string,
  given: Readonly<Record<string, unknown>> = {},
): Promise<Broken> {
  assertOwn(record);
  const fault = faultOf(name);
  if (fault.kind === "cache") throw noCache(record, fault);
  const parameters = readParameters(fault, given);
  const aim = await aimAt(record, fault, target);
  return breakAndSee(fault, namesOf(aim.nodes), () => inject(record, fault, aim, parameters));
}

/** Takes a fault back, on one node or on all; doing it where nothing is broken changes nothing. */
export async function healLab(record: LabRecord, name: string, target?: string): Promise<{ done: string }> {
  assertOwn(record);
  const fault = faultOf(name);
  const nodes = target === undefined ? record.nodes : (await aimAt(record, fault, target)).nodes;
  const done = await takeBack(record, fault, nodes);
  const more = await managerOf(record).afterHeal?.(record, nodes);
  return { done: more === undefined ? done : `${done} ${more}` };
}

async function takeBack(lab: LabRecord, fault: Fault, nodes: readonly NodeRecord[]): Promise<string> {
  if (fault.kind === "lab" && fault.heal !== undefined) return fault.heal(lab, nodes);
  if ((fault.kind === "process" || fault.kind === "sql") && fault.heal !== undefined)
    return fault.heal(nodes.map((node) => labServer(lab, node)));
  throw cannotBeHealed(fault);
}

export function faultOf(name: string): Fault {
  const found = faults.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  throw unknown(
    "fault",
    name,
    faults.map((fault) => fault.name),
  );
}

/** An effect that does not show within its limit is an error: what nobody sees proves nothing. */
export async function breakAndSee(fault: Fault, where: string, act: () => Promise<Injected>): Promise<Broken> {
  const at = systemClock.now();
  const { done, tookEffect } = await act();
  const effective = await pollUntil(async () => ((await tookEffect()) ? true : undefined), {
    everyMs: 2,
    timeoutMs: effectTimeoutMs,
  });
  if (effective) return { done, at };
  throw new BlackstartError("LAB_FAILED", {
    what: `The fault ${fault.name} was injected into ${where} and took no effect within ${effectTimeoutMs / 1000} s.`,
    why: `${done} Expected: ${fault.description}`,
    next: "See how it is now: `blackstart status`. A lab is taken down and made anew the quickest.",
  });
}

export function cannotBeHealed(fault: Fault): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${fault.name} cannot be taken back.`,
    why: fault.undo,
    next: "Recover as you would in production, or take the lab down and make it anew.",
  });
}

function inject(
  lab: LabRecord,
  fault: Exclude<Fault, CacheFault>,
  { nodes, process }: Aim,
  parameters: unknown,
): Promise<Injected> {
  switch (fault.kind) {
    case "process":
      return fault.inject(
        nodes.map((node) => ({ server: labServer(lab, node), role: process })),
        parameters,
      );
    case "sql":
      return fault.inject(
        nodes.map((node) => labServer(lab, node)),
        parameters,
      );
    case "lab":
      return fault.inject(lab, nodes, parameters);
  }
}

function noCache(lab: LabRecord, fault: Fault): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The lab ${lab.name} has no cache that ${fault.name} could break.`,
    why: "A lab is made of PostgreSQL servers only.",
    next: "Declare a cache `expendable: true` in blackstart.yaml and name the file: --file blackstart.yaml --on <cache>",
  });
}
