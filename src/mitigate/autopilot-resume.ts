import { delay } from "../base/time.ts";
import type { PlanEvent } from "../plan/events.ts";
import type { Plan } from "../plan/plan.ts";
import { leaseNameOf } from "../plan/lease-name.ts";
import { listPlans, type PlanStatus, readPlan, streamOfPlan } from "../plan/status.ts";
import type { Event } from "../timeline/timeline.ts";
import { inTheWayText } from "./autopilot-asked.ts";
import { tellOnce } from "./autopilot-incident.ts";
import type { Shared } from "./autopilot-pursuit.ts";
import { mayGoOnAlone } from "./policy.ts";

/*
 * The plans that were begun under the policy and are interrupted: their process died, or was halted for longer than its
 * lease while another plan took the cluster. A person's are left to the person, and so are those that today's policy would
 * not begin.
 */

const lookEveryMs = 2000;

export type Interrupted = Readonly<{
  /** Told of every event. */
  see(event: Event): void;
  /** Looks for them again and again, until the signal. Throws when the timeline cannot be read. */
  resume(signal: AbortSignal): Promise<void>;
}>;

/** @param begin carries one out, from where it stands */
export async function followInterrupted(shared: Shared, begin: (plan: Plan) => void): Promise<Interrupted> {
  const { options, carrying } = shared;
  const { timeline, system } = options;
  const begun = new Set<string>();
  for (const { id, state, approved } of await listPlans(timeline))
    if ((state === "running" || state === "interrupted") && approved?.how === "policy") begun.add(id);

  async function resumeNow(): Promise<void> {
    for (const id of begun) {
      if (carrying.has(id)) continue;
      const status = await readPlan(timeline, id);
      if (status?.state !== "interrupted") continue;
      if (!mayGoOnAlone(system.mitigation, status)) {
        begun.delete(id);
        await leave(status);
      } else if ((await timeline.leaseState(leaseNameOf(status.plan)))?.held !== true) begin(status.plan);
    }
  }

  async function leave(status: PlanStatus): Promise<void> {
    const text = inTheWayText(status, false);
    if (status.plan.incident !== undefined && text !== undefined) await tellOnce(options, status.plan.incident, text);
  }

  return {
    see({ stream, kind, data }) {
      const id = stream.slice(streamOfPlan("").length);
      const event = { kind, data } as unknown as PlanEvent;
      switch (event.kind) {
        case "plan.approved":
          if (event.data.how === "policy") begun.add(id);
          return;
        case "plan.finished":
        case "plan.stopped":
        case "plan.discarded":
          begun.delete(id);
      }
    },
    async resume(signal) {
      while (!signal.aborted) {
        await resumeNow();
        await delay(lookEveryMs, signal).catch(() => undefined /* closed: the loop sees it */);
      }
    },
  };
}
