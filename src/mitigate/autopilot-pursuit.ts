import { type BlackstartError, isCode, messageOf, whatAndWhy } from "../base/error.ts";
import { delay, systemClock } from "../base/time.ts";
import { discardPlan } from "../plan/discard.ts";
import type { Executor, PlanResult } from "../plan/executor.ts";
import { isRefusal, type Plan, type PlanRequest, type Refusal } from "../plan/plan.ts";
import { type PlanStatus, readPlan } from "../plan/status.ts";
import { yieldingHolder } from "../plan/yield.ts";
import { type Asked, askedFor, changedNothing, inTheWayText, type Known } from "./autopilot-asked.ts";
import { findingsAsking, placeOfRemedy, planTitle, refusalMeans, refusalText } from "./autopilot-decision.ts";
import { actor, say, stateOf, tellOnce } from "./autopilot-incident.ts";
import type { MitigationContext } from "./context.ts";
import { makeMitigationPlan } from "./plans.ts";
import { mayGoOnAlone, mayRunAlone } from "./policy.ts";

/* How the autopilot pursues one remedy of one incident: from the first look to the end of the plan. */

export type AutopilotOptions = MitigationContext &
  Readonly<{
    executor: Executor;
    onProblem?: (problem: unknown) => void;
    /** Told whether the incidents are followed: not while the timeline cannot be read. */
    onFollowing?: (follows: boolean) => void;
  }>;

/** A server that starts up by itself is given so long; afterwards it is planned for as for a dead one. */
const startingGraceMs = 10_000;
const startingPauseMs = 200;
const refusedPauseMs = 2000;
/** After so many, what is missing takes longer to come: it is looked at less often. */
const refusedOftenAfter = 30;
const refusedOftenPauseMs = 30_000;
const failedPauseMs = 1000;
const heldPauseMs = 500;
/** For what is not urgent enough, as a look at the cluster has shown. */
const aftercarePauseMs = 5000;
const inTheWayPauseMs = 2000;
const heldAttemptsMax = 20;
/** What the pursuits of one autopilot share. */
export type Shared = Readonly<{
  options: AutopilotOptions;
  signal: AbortSignal;
  /** One after the other for each cluster; `work` may let the next one in before it ends. */
  inLane<T>(place: string, work: (leave: () => void) => Promise<T>): Promise<T>;
  /** The ids of the plans that this autopilot carries out now. */
  carrying: Set<string>;
  /** By plan: what is to be done when only its aftercare is left. */
  onAftercare: Map<string, () => void>;
}>;

/**
 * Until nothing asks for it any more, or a person has the say. How often a plan may run is the policy's to limit.
 * @param onAftercare told when only the aftercare of its plan is left; who comes next has the say from then on
 */
export async function pursue(
  shared: Shared,
  incident: string,
  remedy: PlanRequest,
  onAftercare: () => void,
): Promise<void> {
  const pursuit: Pursuit = { incident, remedy, refusals: 0, startsSinceMs: undefined, handedOn: false };
  while (!shared.signal.aborted) {
    const pauseMs = await shared.inLane(placeOfRemedy(remedy), (leave) =>
      attempts(shared, pursuit, () => {
        pursuit.handedOn = true;
        onAftercare();
        leave();
      }),
    );
    if (pauseMs === undefined) return;
    await pause(pauseMs, shared.signal);
  }
}

/** Answers how long to wait outside the lane; undefined when there is nothing more to do. */
async function attempts(shared: Shared, pursuit: Pursuit, onAftercare: () => void): Promise<number | undefined> {
  const { signal } = shared;
  while (!signal.aborted) {
    const next = await attemptOrLater(shared, pursuit, onAftercare);
    if (next === undefined || pursuit.handedOn) return undefined;
    if (next.leavesLane === true) return next.pauseMs;
    await pause(next.pauseMs, signal);
  }
  return undefined;
}

type Next = Readonly<{ pauseMs: number; leavesLane?: true }>;

type Pursuit = {
  readonly incident: string;
  readonly remedy: PlanRequest;
  refusals: number;
  /** When the server was first seen to start up by itself. */
  startsSinceMs: number | undefined;
  /** What went wrong at the last attempt; reported once. */
  problem?: string;
  /** The plan that was in the way at the last look, and its state. */
  inTheWay?: string;
  handedOn: boolean;
};

/** One failed read of the timeline ends no pursuit; what is wrong with the remedy itself does. */
async function attemptOrLater(shared: Shared, pursuit: Pursuit, onAftercare: () => void): Promise<Next | undefined> {
  try {
    return await attempt(shared, pursuit, onAftercare);
  } catch (error) {
    if (shared.signal.aborted || pursuit.handedOn || isCode(error, "USAGE") || isCode(error, "UNKNOWN_NAME"))
      throw error;
    const problem = messageOf(error);
    if (pursuit.problem !== problem) shared.options.onProblem?.(error);
    pursuit.problem = problem;
    return refusedPause(pursuit);
  }
}

/** Answers when to try again; undefined when that is not needed. */
async function attempt(shared: Shared, pursuit: Pursuit, onAftercare: () => void): Promise<Next | undefined> {
  const { options } = shared;
  const { incident, remedy } = pursuit;
  const asked = await stillAsked(options, incident, remedy);
  if (asked.kind === "over") return undefined;
  if (asked.kind === "in-the-way") return inTheWay(shared, pursuit, asked);
  const place = placeOfRemedy(remedy);
  const held = (await options.timeline.leaseState(place))?.held === true;
  // Another plan is changing the very facts that this one would be made of; it may settle this as well.
  if (held && (remedy.kind === "rejoin" || (await yieldingHolder(options.timeline, place)) === undefined))
    return { pauseMs: heldPauseMs, leavesLane: true };
  const made = await makeMitigationPlan(requestOf(pursuit, options), options);
  if (isRefusal(made)) return refused(options, pursuit, made);
  if (held && made.urgent !== true) return { pauseMs: aftercarePauseMs, leavesLane: true };
  try {
    const result = await proposeAndRun(shared, pursuit, made, asked, onAftercare);
    if (result === undefined) return { pauseMs: inTheWayPauseMs, leavesLane: true };
    return result.outcome === "stopped" ? await afterStop(options, pursuit, result) : undefined;
  } catch (error) {
    if (isCode(error, "LEASE_HELD")) return { pauseMs: heldPauseMs, leavesLane: true };
    throw error;
  }
}

/** It is waited for: when it ends or is put aside, what is asked for then gets a plan. */
async function inTheWay(
  { options, carrying }: Shared,
  pursuit: Pursuit,
  { plan, causes, tries }: Extract<Asked, { kind: "in-the-way" }>,
): Promise<Next> {
  if (isUnbegun(plan) && !carrying.has(plan.id)) {
    const alone = mayRunAlone(options.system.mitigation, plan.plan, causes, tries);
    if (alone.runs) {
      await discardPlan(options.timeline, plan.id, actor, "It was never begun, and the cluster may be another by now.");
      return { pauseMs: failedPauseMs, leavesLane: true };
    }
  }
  const seen = `${plan.id} ${plan.state}`;
  const text = inTheWayText(plan, mayGoOnAlone(options.system.mitigation, plan));
  // One that a person has just stored is about to be carried out.
  if (pursuit.inTheWay === seen && text !== undefined) await tellOnce(options, pursuit.incident, text);
  pursuit.inTheWay = seen;
  return { pauseMs: inTheWayPauseMs, leavesLane: true };
}

/** Stored to be carried out at once: what came in between was the end of this program, or a timeline that failed. */
function isUnbegun({ state, proposedBy }: PlanStatus): boolean {
  return proposedBy === actor && (state === "proposed" || state === "approved");
}

async function afterStop(options: AutopilotOptions, pursuit: Pursuit, { planId, state }: PlanResult): Promise<Next> {
  const status = await readPlan(options.timeline, planId);
  if (status === undefined || status.stopRequested !== undefined || !changedNothing(status))
    return { pauseMs: failedPauseMs };
  const { kind, subject } = pursuit.remedy;
  await tellOnce(
    options,
    pursuit.incident,
    `The ${kind} of ${subject.name} was refused before anything was changed: ${state}`,
  );
  return refusedPause(pursuit);
}

async function refused(options: AutopilotOptions, pursuit: Pursuit, refusal: Refusal): Promise<Next> {
  const { incident, remedy } = pursuit;
  switch (refusalMeans(refusal)) {
    case "passes":
      // It may have been so for a moment only, and then no finding comes anew: it is over when this one is gone.
      pursuit.startsSinceMs = undefined;
      pursuit.refusals = 0;
      return { pauseMs: refusedPauseMs, leavesLane: true };
    case "starts":
      pursuit.startsSinceMs ??= (options.clock ?? systemClock).monotonicMs();
      await tellOnce(options, incident, refusalText(remedy, refusal));
      return { pauseMs: startingPauseMs };
    case "tell":
      await tellOnce(options, incident, refusalText(remedy, refusal));
      return refusedPause(pursuit);
  }
}

/** Others have the cluster meanwhile: what they are asked for may be more urgent, and may lead out. */
function refusedPause(pursuit: Pursuit): Next {
  pursuit.refusals += 1;
  return { pauseMs: pursuit.refusals < refusedOftenAfter ? refusedPauseMs : refusedOftenPauseMs, leavesLane: true };
}

function requestOf(
  { remedy, incident, startsSinceMs }: Pursuit,
  { clock = systemClock }: AutopilotOptions,
): PlanRequest {
  const evenIfStarting = startsSinceMs !== undefined && clock.monotonicMs() - startsSinceMs >= startingGraceMs;
  return { ...remedy, options: { ...remedy.options, evenIfStarting, incident } };
}

async function stillAsked(options: AutopilotOptions, incident: string, remedy: PlanRequest): Promise<Asked> {
  const state = await stateOf(options, incident);
  const plans: Known[] = [];
  for (const told of state.plans.filter((one) => one.planKind === remedy.kind)) {
    const status = await readPlan(options.timeline, told.plan);
    if (status !== undefined) plans.push({ told, status });
  }
  return askedFor(findingsAsking(state, remedy), remedy, plans);
}

/** Answers undefined when it is left to a person. */
async function proposeAndRun(
  shared: Shared,
  { incident }: Pursuit,
  plan: Plan,
  { causes, tries }: Extract<Asked, { kind: "asked" }>,
  onAftercare: () => void,
): Promise<PlanResult | undefined> {
  const { options } = shared;
  await options.executor.store(plan, actor);
  const proposed = { plan: plan.id, planKind: plan.kind, title: planTitle(plan), causes };
  const noted = say(options, incident, { kind: "incident.plan-proposed", data: proposed });
  const alone = mayRunAlone(options.system.mitigation, plan, causes, tries);
  if (!alone.runs) {
    await noted;
    if (alone.surprises) await tellOnce(options, incident, `Plan ${plan.id} waits for a person: ${alone.why}.`);
    return undefined;
  }
  // Clients wait: the note and the first step share their way to the disk.
  const [result] = await Promise.all([carryOut(shared, plan, onAftercare), noted]);
  return result;
}

/** Throws when it did not come to an end: then it was discarded, or it is interrupted and will be resumed. */
export async function carryOut(shared: Shared, plan: Plan, onAftercare: () => void): Promise<PlanResult> {
  const { options, carrying } = shared;
  if (plan.urgent === true) shared.onAftercare.set(plan.id, onAftercare);
  carrying.add(plan.id);
  try {
    const result = await runWhenFree(options, plan);
    if (plan.incident !== undefined) await ended(options, plan.incident, plan, result.outcome, result.state);
    return result;
  } catch (error) {
    if (isCode(error, "LEASE_HELD")) await discardUnbegun(options, plan, error);
    throw error;
  } finally {
    carrying.delete(plan.id);
    shared.onAftercare.delete(plan.id);
  }
}

/** What could not begin in its time is for a world that is gone; what was begun is interrupted, and stays. */
async function discardUnbegun(options: AutopilotOptions, plan: Plan, held: BlackstartError): Promise<void> {
  const status = await readPlan(options.timeline, plan.id);
  if (status?.state !== "proposed" && status?.state !== "approved") return;
  await discardPlan(options.timeline, plan.id, actor, whatAndWhy(held));
  if (plan.incident !== undefined) await ended(options, plan.incident, plan, "discarded", whatAndWhy(held));
}

/** A person's plan may be at work on the same cluster: this one comes after it. */
async function runWhenFree(options: AutopilotOptions, plan: Plan): Promise<PlanResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await options.executor.run(plan.id, actor, "policy");
    } catch (error) {
      if (!isCode(error, "LEASE_HELD") || attempt >= heldAttemptsMax) throw error;
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

/** Ends at once, without an error, when the autopilot is closed. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, signal).catch(() => undefined /* closed: the loop sees it */);
}
