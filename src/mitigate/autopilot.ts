import { BlackstartError, messageOf } from "../base/error.ts";
import { delay } from "../base/time.ts";
import type { Executor, PlanResult } from "../plan/executor.ts";
import { isRefusal, type Plan, type PlanRequest } from "../plan/plan.ts";
import { listPlans, type PlanState, readPlan } from "../plan/status.ts";
import { incidentPrefix, incidentState, incidentStream, listIncidents } from "../timeline/incident-state.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { readAll } from "../timeline/read-all.ts";
import type { NewEvent } from "../timeline/timeline.ts";
import {
  mayRunAlone,
  placeOfRemedy,
  planTitle,
  refusalMeans,
  refusalText,
  remediesOf,
  remedyKey,
} from "./autopilot-decision.ts";
import type { MitigationContext } from "./context.ts";
import { makeMitigationPlan } from "./plans.ts";

/**
 * Follows the incidents, proposes a plan for each remedy that a finding asks for, and carries it out where the policy in
 * the system file allows it and nothing needs a person's acceptance.
 *
 * Per incident and remedy:
 *
 *   seen ─► planned ─► proposed ─(policy: auto)─► running ─► ended ─(stopped; a few times)─► seen
 *     ▲        │           └─(policy: propose)─► left to a person
 *     └─(later; bounded)── refused, or the server is coming back by itself, or another plan works on the cluster
 */
export interface Autopilot {
  close(): Promise<void>;
}

export type AutopilotOptions = MitigationContext &
  Readonly<{ executor: Executor; onProblem?: (problem: unknown) => void }>;

const actor = "auto";
/** A server that starts up by itself is given so long; afterwards it is planned for as for a dead one. */
const startingGraceMs = 10_000;
const startingPauseMs = 200;
const refusedPauseMs = 2000;
const refusedAttemptsMax = 30;
const failedPauseMs = 1000;
const plansMax = 3;
const heldPauseMs = 500;
const heldAttemptsMax = 20;
const wakingKinds = new Set<string>([
  "incident.opened",
  "incident.finding-raised",
  "incident.recurred",
] satisfies IncidentEvent["kind"][]);

export function startAutopilot(options: AutopilotOptions): Autopilot {
  const stop = new AbortController();
  const lanes = new Map<string, Promise<void>>();
  const busy = new Set<string>();
  const problem = options.onProblem ?? (() => undefined);
  const guarded = (work: () => Promise<void>) => async () => {
    try {
      await work();
    } catch (error) {
      if (!stop.signal.aborted) problem(error);
    }
  };

  /** One after the other for each cluster. */
  function enqueue(place: string, work: () => Promise<void>): void {
    const run = (lanes.get(place) ?? Promise.resolve()).then(guarded(work));
    lanes.set(place, run);
  }

  async function consider(incident: string): Promise<void> {
    for (const remedy of remediesOf(await stateOf(options, incident))) {
      const key = `${incident} ${remedyKey(remedy)}`;
      if (busy.has(key)) continue;
      busy.add(key);
      enqueue(placeOfRemedy(remedy), () =>
        pursue(options, incident, remedy, stop.signal).finally(() => busy.delete(key)),
      );
    }
  }

  async function follow(): Promise<void> {
    const from = await options.timeline.position();
    for (const plan of await interruptedPlans(options))
      enqueue(placeOfRemedy(plan), () => carryOut(options, plan).then(() => undefined));
    for (const { id, status } of await listIncidents(options.timeline)) if (status !== "resolved") await consider(id);
    for await (const event of options.timeline.subscribe(from, stop.signal)) {
      if (wakingKinds.has(event.kind) && event.stream.startsWith(incidentPrefix))
        await guarded(() => consider(event.stream.slice(incidentPrefix.length)))();
    }
  }

  const following = guarded(follow)();
  return {
    async close() {
      stop.abort();
      await following;
      await Promise.all(lanes.values());
    },
  };
}

async function stateOf(options: AutopilotOptions, incident: string) {
  return incidentState(await readAll(options.timeline, { stream: incidentStream(incident) }));
}

/** Those that a process before this one began under the policy. A person's are left to the person. */
async function interruptedPlans(options: AutopilotOptions): Promise<readonly Plan[]> {
  const plans = await listPlans(options.timeline);
  return plans.filter((one) => one.state === "interrupted" && one.approved?.how === "policy").map((one) => one.plan);
}

/** Until there is nothing more to do, or it has to be left to a person. */
async function pursue(
  options: AutopilotOptions,
  incident: string,
  remedy: PlanRequest,
  signal: AbortSignal,
): Promise<void> {
  const told = new Set<string>();
  let [plans, refusals, startingMs] = [0, 0, 0];
  while (!signal.aborted && plans < plansMax && refusals < refusedAttemptsMax) {
    if (!(await isStillAsked(options, incident, remedy))) return;
    // Another plan is changing the very facts that this one would be made of; it may settle this as well.
    if ((await options.timeline.leaseState(placeOfRemedy(remedy)))?.held === true) {
      await pause(heldPauseMs, signal);
      continue;
    }
    const made = await makeMitigationPlan(requestOf(remedy, incident, startingMs), options);
    if (isRefusal(made)) {
      const means = refusalMeans(made);
      if (means === "passes") return;
      if (means === "tell") {
        refusals += 1;
        await tellOnce(options, incident, refusalText(remedy, made), told);
      } else startingMs += startingPauseMs;
      await pause(means === "tell" ? refusedPauseMs : startingPauseMs, signal);
      continue;
    }
    const result = await proposeAndRun(options, incident, made);
    if (result === undefined || result.outcome !== "stopped") return;
    plans += 1;
    await pause(failedPauseMs, signal);
  }
}

function requestOf(remedy: PlanRequest, incident: string, startingMs: number): PlanRequest {
  const evenIfStarting = startingMs >= startingGraceMs;
  return { ...remedy, options: { ...remedy.options, evenIfStarting, incident } };
}

/** The finding is open still, no plan for it waits for a person, and not too many have failed. */
async function isStillAsked(options: AutopilotOptions, incident: string, remedy: PlanRequest): Promise<boolean> {
  const state = await stateOf(options, incident);
  if (!remediesOf(state).some((one) => remedyKey(one) === remedyKey(remedy))) return false;
  const same = state.plans.filter((one) => one.planKind === remedy.kind);
  if (same.filter((one) => one.ended?.outcome === "stopped").length >= plansMax) return false;
  for (const { plan } of same.filter((one) => one.ended === null)) {
    const status = await readPlan(options.timeline, plan);
    if (status !== undefined && !endedStates.has(status.state) && sameSubject(status.plan, remedy)) return false;
  }
  return true;
}

const endedStates = new Set<PlanState>(["done", "done-with-failures", "stopped", "discarded"]);

/** A restart of the last primary may be planned for its cluster, and asked for by its node. */
function sameSubject(plan: Plan, remedy: PlanRequest): boolean {
  return placeOfRemedy(plan) === placeOfRemedy(remedy);
}

/** Answers undefined when it is left to a person. */
async function proposeAndRun(options: AutopilotOptions, incident: string, plan: Plan): Promise<PlanResult | undefined> {
  await options.executor.store(plan, actor);
  const proposed = { plan: plan.id, planKind: plan.kind, title: planTitle(plan) };
  const noted = say(options, incident, { kind: "incident.plan-proposed", data: proposed });
  if (!mayRunAlone(options.system.mitigation, plan)) {
    await noted;
    return undefined;
  }
  // Clients wait: the note and the first step share their way to the disk.
  const [result] = await Promise.all([carryOut(options, plan), noted]);
  return result;
}

async function carryOut(options: AutopilotOptions, plan: Plan): Promise<PlanResult> {
  try {
    const result = await runWhenFree(options, plan);
    if (plan.incident !== undefined) await ended(options, plan.incident, plan, result.outcome, result.state);
    return result;
  } catch (error) {
    if (plan.incident !== undefined) await ended(options, plan.incident, plan, "stopped", messageOf(error));
    throw error;
  }
}

/** A person's plan may be at work on the same cluster: this one comes after it. */
async function runWhenFree(options: AutopilotOptions, plan: Plan): Promise<PlanResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await options.executor.run(plan.id, actor, "policy");
    } catch (error) {
      const held = error instanceof BlackstartError && error.code === "LEASE_HELD";
      if (!held || attempt >= heldAttemptsMax) throw error;
      await delay(heldPauseMs);
    }
  }
}

function ended(options: AutopilotOptions, incident: string, plan: Plan, outcome: string, state: string): Promise<void> {
  return say(options, incident, {
    kind: "incident.plan-ended",
    data: { plan: plan.id, planKind: plan.kind, outcome, state },
  });
}

async function tellOnce(options: AutopilotOptions, incident: string, text: string, told: Set<string>): Promise<void> {
  const notes = (await stateOf(options, incident)).notes;
  if (told.has(text) || notes.some((note) => note.text === text)) return;
  told.add(text);
  await say(options, incident, { kind: "incident.noted", data: { text } });
}

async function say(options: AutopilotOptions, incident: string, event: IncidentEvent): Promise<void> {
  await options.timeline.append(incidentStream(incident), "any", [{ ...event, by: actor } as unknown as NewEvent]);
}

/** Ends at once, without an error, when the autopilot is closed. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, signal).catch(() => undefined /* closed: the loop sees it */);
}
