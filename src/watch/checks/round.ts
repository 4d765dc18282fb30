import type { Clock } from "../../base/time.ts";
import type { NodeFacts } from "../facts.ts";
import type { Errand } from "../node/node-watch.ts";
import { healthChecks } from "./list.ts";
import { appliesTo } from "./judge.ts";

/** The health checks of one node: each once in a round, one between two heartbeats, a round every so often. */
export interface CheckRound {
  /** The next that is due. To ask is to take it. Never two in a row: at most one between two heartbeats. */
  next(facts: NodeFacts): Errand | undefined;
}

export function createCheckRound(everyMs: number, pauseMs: number, clock: Clock): CheckRound {
  let left: readonly string[] = [];
  let roundMs = Number.NEGATIVE_INFINITY;
  let givenMs = Number.NEGATIVE_INFINITY;
  let role: string | undefined;
  return {
    next(facts) {
      const now = clock.monotonicMs();
      if (facts.identity === undefined || facts.pulse === undefined || facts.condition.kind !== "up") return undefined;
      // A promotion makes other checks apply: the round begins anew.
      if (now - roundMs >= everyMs || role !== facts.pulse.role) {
        role = facts.pulse.role;
        roundMs = now;
        left = healthChecks.filter((check) => appliesTo(check, facts)).map((check) => check.name);
      }
      if (now - givenMs < pauseMs) return undefined;
      const check = healthChecks.find((one) => one.name === left[0]);
      left = left.slice(1);
      if (check === undefined) return undefined;
      givenMs = now;
      return { check: check.name, query: check.query(facts.identity.version) };
    },
  };
}
