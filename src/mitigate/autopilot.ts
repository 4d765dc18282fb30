import { delay } from "../base/time.ts";
import type { PlanEvent } from "../plan/events.ts";
import { readPlan, streamOfPlan } from "../plan/status.ts";
import { isAftercare } from "../plan/yield.ts";
import { incidentPrefix, listIncidents } from "../timeline/incident-state.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import type { Event } from "../timeline/timeline.ts";
import { placeOfRemedy, remediesOf, remedyKey } from "./autopilot-decision.ts";
import { discardMoot, endingKinds } from "./autopilot-moot.ts";
import { followInterrupted } from "./autopilot-resume.ts";
import { stateOf } from "./autopilot-incident.ts";
import { type AutopilotOptions, carryOut, pursue, type Shared } from "./autopilot-pursuit.ts";

/**
 * Follows the incidents, proposes a plan for each remedy that a finding asks for, and carries it out where the policy in
 * the system file allows it and nothing needs a person's acceptance.
 *
 * Per incident and remedy:
 *
 *   seen ─► planned ─► proposed ─(policy: auto)─► running ─► ended ─(stopped; a few times)─► seen
 *     ▲        │           └─(policy: propose)─► left to a person
 *     └─(later; bounded)── refused, or the server is coming back by itself, or another plan works on the cluster
 *
 * Each attempt has the cluster to itself, until only the aftercare of its plan is left: the next outage must not wait for
 * that. An urgent plan's executor ends the aftercare of another.
 */
export interface Autopilot {
  close(): Promise<void>;
}

const wakingKinds = new Set<string>([
  "incident.opened",
  "incident.finding-raised",
  "incident.recurred",
] satisfies IncidentEvent["kind"][]);

/** After these a plan may have nothing left but its aftercare. */
const progressKinds = new Set<string>([
  "plan.started",
  "plan.resumed",
  "step.done",
  "step.failed",
] satisfies PlanEvent["kind"][]);

const followAgainMs = 1000;

function createLanes(): Shared["inLane"] {
  const lanes = new Map<string, Promise<void>>();
  return (place, work) => {
    const before = lanes.get(place) ?? Promise.resolve();
    const { promise, resolve: leave } = Promise.withResolvers<void>();
    lanes.set(place, promise);
    return before.then(() => work(leave)).finally(leave);
  };
}

export function startAutopilot(options: AutopilotOptions): Autopilot {
  const stop = new AbortController();
  const shared: Shared = {
    options,
    signal: stop.signal,
    inLane: createLanes(),
    carrying: new Set(),
    onAftercare: new Map(),
  };
  const works = new Set<Promise<void>>();
  const busy = new Set<string>();
  const problem = options.onProblem ?? (() => undefined);
  const guarded = (work: () => Promise<void>) => async () => {
    try {
      await work();
    } catch (error) {
      if (!stop.signal.aborted) problem(error);
    }
  };

  function begin(work: () => Promise<void>): void {
    const run = guarded(work)().finally(() => works.delete(run));
    works.add(run);
  }

  async function consider(incident: string): Promise<void> {
    for (const remedy of remediesOf(await stateOf(options, incident))) {
      const key = `${incident} ${remedyKey(remedy)}`;
      if (busy.has(key)) continue;
      busy.add(key);
      begin(async () => {
        let handedOn = false;
        try {
          await pursue(shared, incident, remedy, () => {
            handedOn = true;
            busy.delete(key);
            // What woke since the plan began may have been another outage.
            begin(() => consider(incident));
          });
        } finally {
          if (!handedOn) busy.delete(key);
        }
      });
    }
  }

  async function tellAftercare(plan: string): Promise<void> {
    const tell = shared.onAftercare.get(plan);
    const status = tell && (await readPlan(options.timeline, plan));
    if (status === undefined || !isAftercare(status)) return;
    shared.onAftercare.delete(plan);
    tell?.();
  }

  async function take(event: Event): Promise<void> {
    const { kind, stream } = event;
    if (wakingKinds.has(kind) && stream.startsWith(incidentPrefix)) await consider(stream.slice(incidentPrefix.length));
    if (endingKinds.has(kind) && stream.startsWith(incidentPrefix))
      await guarded(() => discardMoot(shared, stream.slice(incidentPrefix.length)))();
    if (progressKinds.has(kind)) await tellAftercare(stream.slice(streamOfPlan("").length));
  }

  /** Until it is closed. Throws when the timeline cannot be read; begun anew, it misses nothing. */
  async function follow(): Promise<void> {
    const round = new AbortController();
    const signal = AbortSignal.any([stop.signal, round.signal]);
    const from = await options.timeline.position();
    const interrupted = await followInterrupted(shared, (plan) =>
      begin(async () => {
        await shared.inLane(placeOfRemedy(plan), (leave) => carryOut(shared, plan, leave));
        // It may have stopped because the world is another by now: what is asked for still gets a plan of its own.
        if (plan.incident !== undefined) await consider(plan.incident);
      }),
    );
    const resuming = interrupted.resume(signal).finally(() => round.abort());
    resuming.catch(() => undefined /* awaited below */);
    try {
      for (const { id, status } of await listIncidents(options.timeline)) {
        await guarded(() => discardMoot(shared, id))();
        if (status !== "resolved") await consider(id);
      }
      for (const plan of [...shared.onAftercare.keys()]) await tellAftercare(plan);
      options.onFollowing?.(true);
      for await (const event of options.timeline.subscribe(from, signal)) {
        await take(event);
        interrupted.see(event);
      }
    } finally {
      round.abort();
      await resuming;
    }
  }

  async function keepFollowing(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        return await follow();
      } catch (error) {
        if (stop.signal.aborted) return;
        options.onFollowing?.(false);
        problem(error);
        await delay(followAgainMs, stop.signal).catch(() => undefined /* closed: the loop sees it */);
      }
    }
  }

  const following = keepFollowing();
  return {
    async close() {
      stop.abort();
      await following;
      while (works.size > 0) await Promise.all(works);
    },
  };
}
