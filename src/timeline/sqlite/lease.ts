import { BlackstartError } from "../../base/error.ts";
import type { Lease } from "../timeline.ts";
import type { Outcome } from "./protocol.ts";
import type { WriterClient } from "./writer-client.ts";

export function createLease(
  writer: WriterClient,
  grant: { name: string; token: number; holder: string; ttlMs: number },
): Lease {
  const { name, token, holder, ttlMs } = grant;
  return {
    name,
    token,
    holder,
    renew: async () => {
      const outcome = await writer.ask({ kind: "renew", name, token, ttlMs });
      if (outcome.kind === "lost") throw leaseLost(name, outcome);
    },
    release: async () => {
      await writer.ask({ kind: "release", name, token });
    },
  };
}

export function leaseLost(name: string, outcome: Extract<Outcome, { kind: "lost" }>): BlackstartError {
  return new BlackstartError("LEASE_LOST", {
    what: `The lease ${name} is lost`,
    why: `${outcome.why}.`,
    next: "Nothing more was changed. Look at who holds it now, and at the state of the plan, before going on.",
    details: { lease: name },
  });
}
