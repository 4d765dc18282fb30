import { millisecondsBetween } from "../base/time.ts";
import type { FindingsChange } from "../finding/change.ts";
import { type Finding, findingKey, type Ref, refText } from "../finding/finding.ts";
import { leaseNameOf } from "../plan/lease-name.ts";
import type { Plan } from "../plan/plan.ts";
import { type PlanStatus, readPlan } from "../plan/status.ts";
import type { System } from "../system/schema.ts";
import type { IncidentState } from "../timeline/incident-fold.ts";
import type { Timeline } from "../timeline/timeline.ts";
import type { Knowledge } from "./knowledge.ts";
import { isExplained } from "./planned.ts";
import { relationOf } from "./relation.ts";

/** What the watch needs to see that all is well again, once a planned change has been carried out. */
const settleMs = 3000;

/**
 * Findings that a planned change explains are kept back while it is carried out. What outlasts it, or is there when it
 * stops, is an outage as any other.
 */
export interface Window {
  /**
   * What of the change is to be told now, together with what was kept back and is explained no more. That stays kept
   * until `told`: it may have to be told again.
   * @returns stopped: the planned changes that no longer explain it, because they stopped half-way
   */
  passing(change: FindingsChange): Promise<Readonly<{ change: FindingsChange; stopped: readonly PlanStatus[] }>>;
  told(change: FindingsChange): void;
  /** Something is kept back, and has to be looked at again. */
  isOpen(): boolean;
}

type Kept = { readonly finding: Finding; readonly plan: Plan; overSinceMs: number | undefined };

type Parts = Readonly<{ system: System; timeline: Timeline; knowledge: Knowledge; nowMs(): number }>;

export function createWindow({ system, timeline, knowledge, nowMs }: Parts): Window {
  const kept = new Map<string, Kept>();

  const isTakenIn = ({ subject }: Finding) => knowledge.incidents().some((one) => isAbout(system, one, subject));

  async function explaining(finding: Finding): Promise<Plan | undefined> {
    if (isTakenIn(finding)) return undefined;
    for (const { plan, isRunning } of knowledge.planned().values()) {
      if (!isRunning || !isExplained(system, plan, finding)) continue;
      // One whose process died is interrupted: it explains nothing any more.
      if ((await timeline.leaseState(leaseNameOf(plan)))?.held === true) return plan;
    }
    return undefined;
  }

  /** Raised once it had come to its end, of a look that was made before. */
  function explainedLate(finding: Finding, at: string): Kept | undefined {
    if (isTakenIn(finding)) return undefined;
    const ended = [...knowledge.planned().values()].find(
      ({ plan, endedAt }) =>
        endedAt !== undefined && millisecondsBetween(endedAt, at) < settleMs && isExplained(system, plan, finding),
    );
    return ended && { finding, plan: ended.plan, overSinceMs: undefined };
  }

  return {
    isOpen: () => kept.size > 0,
    async passing({ at, raised, cleared }) {
      for (const one of cleared) kept.delete(findingKey(one));
      const now = new Map([...kept].map(([key, { finding }]) => [key, finding]));
      for (const finding of raised) now.set(findingKey(finding), finding);
      const passed: Finding[] = [];
      const stopped = new Map<string, PlanStatus>();
      for (const [key, finding] of now) {
        const plan = await explaining(finding);
        const before = kept.get(key) ?? explainedLate(finding, at);
        if (plan !== undefined) kept.set(key, { finding, plan, overSinceMs: undefined });
        else {
          const status = before && (await readPlan(timeline, before.plan.id));
          if (before !== undefined && settles(before, status)) {
            kept.set(key, before);
            continue;
          }
          if (status?.state === "stopped") stopped.set(status.id, status);
          passed.push(finding);
        }
      }
      return { change: { at, raised: passed, cleared }, stopped: [...stopped.values()] };
    },
    told({ raised }) {
      for (const finding of raised) kept.delete(findingKey(finding));
    },
  };

  /** The plan came to its end, and the watch may not have seen it yet. */
  function settles(one: Kept, status: PlanStatus | undefined): boolean {
    if (status?.state !== "done" && status?.state !== "done-with-failures") return false;
    one.overSinceMs ??= nowMs();
    return nowMs() - one.overSinceMs < settleMs;
  }
}

/** One that is open about the same takes in everything that is found. */
function isAbout(system: System, { status, subject }: IncidentState, seen: Ref): boolean {
  if (status !== "open") return false;
  return refText(seen) === refText(subject) || relationOf(system, seen, subject) !== undefined;
}
