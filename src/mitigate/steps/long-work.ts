import { BlackstartError, whatAndWhy } from "../../base/error.ts";
import type { WorkLimit } from "../../drivers/postgres/instance.ts";
import type { StepContext } from "../../plan/handler.ts";

/* What takes as long as the data is large: keeping it, rewinding it, copying it. */

/** For a plan of a version that gave no limit: a little less than the executor then allows. */
const limitUnlessGivenMs = 8 * 60_000;
const tellEveryMs = 15_000;

/** What is left of the step's own limit; asked anew for each part of the work. */
export function limitOf(step: StepContext): () => WorkLimit {
  const { timeoutMs } = step.parameters;
  const endsAtMs = performance.now() + (typeof timeoutMs === "number" ? timeoutMs : limitUnlessGivenMs);
  const { signal } = step;
  return () => ({ timeoutMs: Math.max(1, Math.round(endsAtMs - performance.now())), signal });
}

/**
 * Does it, and says now and then that it goes on.
 * @param reached how far it has come, in words; undefined where that is not known
 */
export async function tellingMeanwhile<T>(
  step: StepContext,
  doing: string,
  work: () => Promise<T>,
  reached: () => Promise<string | undefined> = async () => undefined,
  everyMs = tellEveryMs,
): Promise<T> {
  const begunAtMs = performance.now();
  const tell = async () => {
    const far = await reached().catch(() => undefined /* the work itself says what is wrong */);
    const minutes = Math.floor((performance.now() - begunAtMs) / 60_000);
    step.progress(`${doing}: ${far ?? "it goes on"}, after ${minutes} min`);
  };
  const timer = setInterval(() => void tell(), everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Asked to stop, with the state in which that leaves the node. */
export function stoppedHalfWay(step: StepContext, state: string): BlackstartError {
  const { reason } = step.signal;
  const why = reason instanceof BlackstartError ? whatAndWhy(reason) : "The plan was asked to stop.";
  const next = `When there is time for it: \`blackstart mitigate rejoin ${step.parameters.cluster}/${step.parameters.node}\`.`;
  return new BlackstartError("INTERRUPTED", { what: state, why, next, details: { step: step.stepId } });
}
