import type { Finding } from "../finding/finding.ts";
import { answersRemedy } from "../plan/answers.ts";
import type { PlanRequest } from "../plan/plan.ts";
import type { PlanState, PlanStatus } from "../plan/status.ts";
import { isAftercare } from "../plan/yield.ts";
import type { IncidentPlan } from "../timeline/incident-state.ts";
import type { Try } from "./policy.ts";

/* What the plans of an incident mean for a remedy that its findings ask for, as a pure decision. */

/** A plan as its incident knows it, and as its own stream does. */
export type Known = Readonly<{ told: Pick<IncidentPlan, "ended" | "causes">; status: PlanStatus }>;

export type Asked =
  /** Nothing asks for it any more, or a person has the say. */
  | Readonly<{ kind: "over" }>
  /** This plan is for the same and has not ended: nothing is planned beside it. */
  | Readonly<{ kind: "in-the-way"; plan: PlanStatus; causes: readonly string[]; tries: readonly Try[] }>
  /** `causes`: the codes of the findings; `tries`: what ran for it under the policy. */
  | Readonly<{ kind: "asked"; causes: readonly string[]; tries: readonly Try[] }>;

/**
 * What came of a plan's aftercare counts for nothing: the finding is of another outage. So does a failover that was done,
 * and a plan that was refused before it changed anything.
 * @param asking the open findings that ask for the remedy
 */
export function askedFor(asking: readonly Finding[], remedy: PlanRequest, plans: readonly Known[]): Asked {
  if (asking.length === 0) return { kind: "over" };
  const before = plans.filter(({ status }) => answersRemedy(status.plan, remedy) && !isLeftToAftercare(status));
  if (before.some(({ status }) => hasPersonsSay(status, asking))) return { kind: "over" };
  const open = before.find(({ told, status }) => told.ended === null && !endedStates.has(status.state));
  const tries = before.flatMap(({ told: { ended, causes = [] }, status }): readonly Try[] =>
    isTry(status) ? [{ plan: status.id, outcome: ended?.outcome ?? status.state, causes }] : [],
  );
  const causes = [...new Set(asking.map(({ code }) => code))];
  return open === undefined
    ? { kind: "asked", causes, tries }
    : { kind: "in-the-way", plan: open.status, causes, tries };
}

const endedStates: ReadonlySet<PlanState> = new Set(["done", "done-with-failures", "stopped", "discarded"]);

function isLeftToAftercare(status: PlanStatus): boolean {
  return status.plan.urgent === true && status.startedAt !== undefined && isAftercare(status);
}

/** A person has stopped it; or has put a proposal of ours aside, and nothing was seen since. */
function hasPersonsSay(status: PlanStatus, asking: readonly Finding[]): boolean {
  if (isPerson(status.stopRequested?.by)) return true;
  const { discarded, proposedBy, startedAt, endedAt = "" } = status;
  if (!isPerson(discarded?.by) || proposedBy !== "auto" || startedAt !== undefined) return false;
  return asking.every(({ seenAt }) => seenAt <= endedAt);
}

function isPerson(by: string | undefined): boolean {
  return by?.startsWith("person:") === true;
}

function isTry(status: PlanStatus): boolean {
  const { approved, stopRequested, startedAt } = status;
  const isOurs = approved?.how === "policy" && stopRequested === undefined && startedAt !== undefined;
  return isOurs && !changedNothing(status);
}

/** It was refused by the check of what would have been its first change. */
export function changedNothing({ state, steps }: Pick<PlanStatus, "state" | "steps">): boolean {
  if (state !== "stopped") return false;
  return steps.every(
    (one) =>
      one.state === "pending" ||
      (one.state === "done" && one.already) ||
      // Of a plan's steps, only a check answers with this code.
      (one.state === "failed" && one.code === "REFUSED"),
  );
}

/**
 * What a person has to know of a plan that is in the way; undefined where it goes on by itself, or is a proposal of ours,
 * of which the incident said so when it was made.
 * @param isResumed whether it is resumed without a person, should it be interrupted
 */
export function inTheWayText(
  { plan, state, proposedBy, approved }: PlanStatus,
  isResumed: boolean,
): string | undefined {
  const what = `Plan ${plan.id} of ${approved?.by ?? proposedBy}, a ${plan.kind} of ${plan.subject.name},`;
  const ways = (go: string) =>
    `${go}: \`blackstart plan resume ${plan.id}\`; or put it aside, and what is still needed is planned anew: \`blackstart plan discard ${plan.id} <reason>\`.`;
  switch (state) {
    case "interrupted":
      return isResumed
        ? undefined
        : `${what} was interrupted half-way, and waits for a person. ${ways("Go on with it")}`;
    case "proposed":
    case "approved":
      return proposedBy === "auto"
        ? undefined
        : `${what} was proposed, and waits for a person; nothing is planned beside it. ${ways("Carry it out")}`;
    case "running":
    case "done":
    case "done-with-failures":
    case "stopped":
    case "discarded":
      return undefined;
  }
}
