import { messageOf } from "../base/error.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Actor, Event, Lease, NewEvent, Timeline } from "../timeline/timeline.ts";
import type { PlanEvent } from "./events.ts";
import { type PlanStatus, streamOfPlan } from "./status.ts";
import { isConflict, isStopRequest } from "./stop.ts";

/**
 * Appends to the plan's stream, each time at the version that is known and only under the lease. Nobody else may write
 * there meanwhile, but for requests to stop.
 */
export type PlanRecord = (events: readonly RecordedEvent[]) => Promise<void>;

/** Without `by` it is the executor's own. */
export type RecordedEvent = PlanEvent & { readonly by?: Actor };

export function createRecord(
  timeline: Timeline,
  plan: PlanStatus,
  lease: Lease,
  onEvent: ((event: Event) => void) | undefined,
): PlanRecord {
  let { version } = plan;
  return async (events) => {
    const toStore = events.map((event) => ({ by: "executor", ...event }) as unknown as NewEvent);
    const stored = await append(toStore);
    version += stored.length;
    for (const event of stored) tell(onEvent, event);
  };

  async function append(events: readonly NewEvent[]): Promise<readonly Event[]> {
    for (;;) {
      try {
        return await timeline.append(streamOfPlan(plan.id), version, events, lease);
      } catch (error) {
        if (!isConflict(error)) throw error;
        const since = (await readAll(timeline, { stream: streamOfPlan(plan.id) })).slice(version);
        if (since.length === 0 || !since.every(isStopRequest)) throw error;
        version += since.length;
      }
    }
  }
}

/** Who watches must not be able to stop a failover half-way: their fault is a warning. */
function tell(onEvent: ((event: Event) => void) | undefined, event: Event): void {
  try {
    onEvent?.(event);
  } catch (error) {
    process.emitWarning(`a listener of the executor failed at ${event.kind}: ${messageOf(error)}`);
  }
}
