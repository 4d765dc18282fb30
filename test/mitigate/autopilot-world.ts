import assert from "node:assert/strict";
import type { Clock } from "../../src/base/time.ts";
import type { Finding } from "../../src/finding/finding.ts";
import { startAutopilot } from "../../src/mitigate/autopilot.ts";
import { listPlans } from "../../src/plan/status.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import type { World } from "./world.ts";

/* Incidents as the watch would open them; the autopilot answers with plans. */

type Acting = Pick<World, "system" | "fleet" | "executor"> & Readonly<{ clock?: Clock }>;

export function findingOf(code: string, kind: string, node?: string): Finding {
  const subject = { kind: node === undefined ? "cluster" : "node", name: node ?? "ledger" } as const;
  const seenAt = new Date().toISOString();
  return { code, severity: "critical", subject, title: code, evidence: [], remedy: { kind, subject }, seenAt };
}

export async function withAutopilot(
  world: Acting,
  policies: "propose" | "auto" | Partial<World["system"]["mitigation"]>,
  timeline: Timeline,
  use: (raise: (...findings: Finding[]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const mitigation = typeof policies === "string" ? { failover: policies } : policies;
  const system = { ...world.system, mitigation: { ...world.system.mitigation, ...mitigation } };
  const problems: unknown[] = [];
  const { system: _, ...acting } = world;
  const autopilot = startAutopilot({ ...acting, system, timeline, onProblem: (one) => problems.push(one) });
  const responder = createResponder({ system, timeline });
  try {
    await use((...raised) => responder.take({ at: new Date().toISOString(), raised, cleared: [] }));
  } finally {
    await autopilot.close();
  }
  assert.deepEqual(problems, []);
}

export async function statesOf({ timeline }: Pick<World, "timeline">): Promise<readonly string[]> {
  return (await listPlans(timeline)).map(({ plan, state }) => `${plan.kind} ${state}`);
}

/** The same timeline, and how often it was asked for a lease: once in each attempt. */
export function counting(timeline: Timeline): Readonly<{ timeline: Timeline; attempts(): number }> {
  let asked = 0;
  const counted = new Proxy(timeline, {
    get(target, name) {
      if (name === "leaseState") asked += 1;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return { timeline: counted, attempts: () => asked };
}

export async function notesOf({ timeline }: Pick<World, "timeline">): Promise<readonly string[]> {
  return (await listIncidents(timeline)).flatMap(({ notes }) => notes.map(({ text }) => text));
}
