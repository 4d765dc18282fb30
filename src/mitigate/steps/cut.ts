import { isCode } from "../../base/error.ts";
import { delay } from "../../base/time.ts";
import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import type { StepContext } from "../../plan/handler.ts";
import { text } from "./parameters.ts";

/* The way to a node may be cut for seconds just when the old primary is stopped and none is promoted yet. */

/** Clients wait meanwhile; after it, the old primary can be started again still (see `refusedBeside`). */
export const cutTimeoutMs = 5000;
const pauseMs = 50;

/** Asks again as long as the way may be cut. One that says that nothing listens there is not waited for. */
export async function throughCut<T>(step: StepContext, ask: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + cutTimeoutMs;
  for (;;)
    try {
      return await ask();
    } catch (error) {
      if (!isCut(error) || performance.now() > untilMs) throw error;
      await delay(pauseMs, step.signal);
    }
}

const isNoAnswer: ReadonlySet<string> = new Set(["silent", "unreachable", "broken", "starting"]);

export function isCut(error: unknown): boolean {
  return isCode(error, "UNREACHABLE") && isNoAnswer.has(reachabilityOf(error).kind);
}

/** Where the old primary is stopped and marked, and none was promoted. */
export function wayBack(step: StepContext, old: string): string {
  return `To make ${old} the primary again, once the others can be seen: \`blackstart mitigate unfence ${text(step, "cluster")}/${old}\`.`;
}
