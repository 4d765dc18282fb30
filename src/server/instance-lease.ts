import { BlackstartError, messageOf } from "../base/error.ts";
import type { Lease, Timeline } from "../timeline/timeline.ts";

/** That only one `up` works on a home: two would watch twice, and page twice. */
export interface InstanceLease {
  close(): Promise<void>;
}

const name = "up";
const ttlMs = 15_000;
export const renewEveryMs = 5_000;

/**
 * Takes it, or throws LEASE_HELD with who has it.
 * @param told.wrote after each renewal: the store took a write
 * @param told.lost somebody else has it now (this process was halted for too long): it must end
 */
export async function takeInstanceLease(
  timeline: Timeline,
  told: Readonly<{ wrote(): void; failed(why: string): void; lost(why: string): void }>,
): Promise<InstanceLease> {
  const lease = await timeline.lease(name, ttlMs);
  if (lease === undefined) throw await heldBy(timeline);
  told.wrote();
  let renewing: Promise<void> | undefined;
  const timer = setInterval(() => {
    renewing ??= renew(lease, told).finally(() => {
      renewing = undefined;
    });
  }, renewEveryMs);
  return {
    async close() {
      clearInterval(timer);
      await renewing;
      await lease.release();
    },
  };
}

async function renew(lease: Lease, told: { wrote(): void; failed(why: string): void; lost(why: string): void }) {
  try {
    await lease.renew();
    told.wrote();
  } catch (error) {
    // Any other failure may pass; while it lasts, the age of the last write tells of it.
    if (error instanceof BlackstartError && error.code === "LEASE_LOST") told.lost(error.why);
    else told.failed(`the store takes no write: ${messageOf(error)}`);
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
