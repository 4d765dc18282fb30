import type { Actor, Event, Timeline } from "../timeline/timeline.ts";
import type { HandlerRegistry } from "./handler.ts";
import type { Plan } from "./plan.ts";

export type ExecutorOptions = Readonly<{
  timeline: Timeline;
  handlers: HandlerRegistry;
  /** Told of every event as soon as it is stored, and of the handlers' progress lines. */
  onEvent?: (event: Event) => void;
  onProgress?: (stepId: string, line: string) => void;
  signal?: AbortSignal;
}>;

export type PlanResult = Readonly<{
  planId: string;
  outcome: "done" | "done-with-failures" | "stopped";
  /** When stopped: in what state things are, and what to do next. */
  state?: string;
  next?: string;
}>;

export interface Executor {
  /** Stores the plan as proposed; nothing is changed yet. */
  store(plan: Plan, by: Actor): Promise<void>;
  /** Carries out a stored plan, or goes on with one that was interrupted. */
  run(planId: string, by: Actor, how: "person" | "policy" | "flag"): Promise<PlanResult>;
}
