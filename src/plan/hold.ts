import { BlackstartError, isCode } from "../base/error.ts";
import type { Clock } from "../base/time.ts";
import type { Lease, Timeline } from "../timeline/timeline.ts";

/** The right to carry out a plan, kept alive for as long as it takes. */
export type Hold = Readonly<{
  lease: Lease;
  /** Aborted with LEASE_LOST when the lease is lost, with INTERRUPTED when the process or the plan is asked to end. */
  signal: AbortSignal;
  /** Throws that reason, after a look at the store. */
  assertHeld(): Promise<void>;
  /** True when the lease is lost; nothing more may then be changed or recorded. */
  lost(): boolean;
  release(): Promise<void>;
}>;

/** A lease is renewed so often within its ttl that several renewals may fail before it is lost. */
const renewalsPerTtl = 5;

/** A store or a machine that loses the lease again and again is no place to go on from. */
const resumesMax = 5;

/**
 * Where the lease was lost because this process was halted (a snapshot of its machine, say), and nobody has taken it over,
 * does the work again, which takes the lease anew and asks the world what was done. Otherwise LEASE_LOST.
 */
export async function resumedAfterHalt<T>(work: () => Promise<T>, stop: AbortSignal | undefined): Promise<T> {
  let lost: BlackstartError | undefined;
  for (let resumes = 0; ; resumes += 1) {
    try {
      return await work();
    } catch (error) {
      if (lost !== undefined && isCode(error, "LEASE_HELD")) throw lost;
      if (!isCode(error, "LEASE_LOST") || resumes >= resumesMax || stop?.aborted === true) throw error;
      lost = error;
    }
  }
}

/** Answers undefined when somebody else has it. @param stop asks the holder to end */
export async function takeHold(
  timeline: Timeline,
  name: string,
  options: { ttlMs: number; clock: Clock; stop?: AbortSignal | undefined },
): Promise<Hold | undefined> {
  const { ttlMs, clock, stop } = options;
  const controller = new AbortController();
  // Counted from before the request: the store's own time runs from a little later.
  let validUntilMs = clock.monotonicMs() + ttlMs;
  const lease = await timeline.lease(name, ttlMs);
  if (lease === undefined) return undefined;
  const { token } = lease;

  let isLost = false;
  const lose = (why: string): void => {
    isLost = true;
    clearInterval(timer);
    controller.abort(leaseLost(name, why));
  };
  let renewing = false;
  const renew = async (): Promise<void> => {
    if (clock.monotonicMs() > validUntilMs) return lose("It could not be renewed in time.");
    if (renewing) return;
    renewing = true;
    const askedAtMs = clock.monotonicMs();
    try {
      await lease.renew();
      validUntilMs = askedAtMs + ttlMs;
    } catch (error) {
      // Any other failure of the store may pass before the ttl is over.
      if (isCode(error, "LEASE_LOST")) lose(error.why);
    } finally {
      renewing = false;
    }
  };
  const timer = setInterval(() => void renew(), ttlMs / renewalsPerTtl);
  const onStop = (): void => controller.abort(stop?.reason instanceof BlackstartError ? stop.reason : interrupted());
  stop?.addEventListener("abort", onStop, { once: true });
  if (stop?.aborted) onStop();

  return {
    lease,
    signal: controller.signal,
    lost: () => isLost,
    assertHeld: async () => {
      if (!isLost) await lookAgain();
      controller.signal.throwIfAborted();
      if (isLost) throw leaseLost(name, "It is lost already.");
    },
    release: async () => {
      clearInterval(timer);
      stop?.removeEventListener("abort", onStop);
      try {
        if (!isLost) await lease.release();
      } catch {
        // The store does not answer: the lease runs out by itself, and the error that led here is the one to show.
      }
    },
  };

  async function lookAgain(): Promise<void> {
    if (clock.monotonicMs() > validUntilMs) return lose("It could not be renewed in time.");
    const state = await timeline.leaseState(name);
    if (state === undefined || !state.held) return lose("It ran out.");
    if (state.token !== token) lose(`It was taken over by ${state.holder}.`);
  }
}

function leaseLost(name: string, why: string): BlackstartError {
  return new BlackstartError("LEASE_LOST", {
    what: `The lease ${name} is lost`,
    why,
    next: "Nothing more was changed. Look at who holds it now; the plan can be resumed, or is being resumed.",
    details: { lease: name },
  });
}

function interrupted(): BlackstartError {
  return new BlackstartError("INTERRUPTED", {
    what: "The plan was asked to stop",
    why: "The process that carries it out was told to end.",
    next: "Look at the state of the cluster, then make a new plan from where it stands.",
  });
}
