import { BlackstartError, isCode, messageOf } from "../base/error.ts";
import type { Lease, Timeline } from "../timeline/timeline.ts";

/** That only one `up` works on a home: two would watch twice, and page twice. */
export interface InstanceLease {
  close(): Promise<void>;
}

const name = "up";
const ttlMs = 15_000;
export const renewEveryMs = 5_000;

/**
 * Takes it, or throws LEASE_HELD with who has it. When this process was halted until it ran out, takes it anew.
 * @param told.wrote after each renewal: the store took a write
 * @param told.lost somebody else has it now: this process must end
 */
export async function takeInstanceLease(
  timeline: Timeline,
  told: Readonly<{ wrote(): void; failed(why: string): void; lost(why: string): void }>,
): Promise<InstanceLease> {
  let lease = await timeline.lease(name, ttlMs);
  if (lease === undefined) throw await heldBy(timeline);
  told.wrote();
  const renew = async (): Promise<void> => {
    try {
      if (!(await renewed(lease))) lease = await timeline.lease(name, ttlMs);
      if (lease === undefined) told.lost((await heldBy(timeline)).message);
      else told.wrote();
    } catch (error) {
      // It may pass; while it lasts, the age of the last write tells of it.
      told.failed(`the store takes no write: ${messageOf(error)}`);
    }
  };
  let renewing: Promise<void> | undefined;
  const timer = setInterval(() => {
    renewing ??= renew().finally(() => {
      renewing = undefined;
    });
  }, renewEveryMs);
  return {
    async close() {
      clearInterval(timer);
      await renewing;
      await lease?.release();
    },
  };
}

/** False when it is lost. */
async function renewed(lease: Lease | undefined): Promise<boolean> {
  try {
    await lease?.renew();
    return lease !== undefined;
  } catch (error) {
    if (isCode(error, "LEASE_LOST")) return false;
    throw error;
  }
}

async function heldBy(timeline: Timeline): Promise<BlackstartError> {
  const state = await timeline.leaseState(name);
  const holder = state?.holder ?? "another process";
  return new BlackstartError("LEASE_HELD", {
    what: `\`blackstart up\` runs already: ${holder}.`,
    why: "Two of them on one timeline would see, and tell, everything twice.",
    next: "Use the one that runs; or end it first; or give this one a home of its own (BLACKSTART_HOME).",
    details: { holder },
  });
}
