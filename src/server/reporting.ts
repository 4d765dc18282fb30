import { messageOf } from "../base/error.ts";
import { delay } from "../base/time.ts";
import type { FindingsChange } from "../finding/change.ts";
import type { Finding } from "../finding/finding.ts";
import type { Responder } from "../respond/responder.ts";

/** Brings what the watch sees into the timeline, and makes good what could not be written at once. */
export interface Reporting {
  report(change: FindingsChange): void;
  /** After the first full look: what is not seen any more is cleared. */
  firstLook(): Promise<void>;
  close(): Promise<void>;
}

const pauseMs = 1000;

/** @param present what is wrong now, as a whole */
export function createReporting(options: {
  responder: Responder;
  present(): readonly Finding[];
  failed(why: string): void;
  recovered(): void;
}): Reporting {
  const { responder, present, failed, recovered } = options;
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  let repairing = false;

  /** Whatever was lost meanwhile, the present as a whole holds it. Tries until it is written: nothing else is worth more. */
  async function repair(): Promise<void> {
    if (repairing) return;
    repairing = true;
    try {
      while (!closing.signal.aborted) {
        await delay(pauseMs, closing.signal).catch(() => undefined /* closing: the loop sees it */);
        if (closing.signal.aborted || (await attempt(() => responder.reconcile(present())))) return;
      }
    } finally {
      repairing = false;
    }
  }

  async function attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      recovered();
      return true;
    } catch (error) {
      failed(`what was seen could not be written: ${messageOf(error)}`);
      return false;
    }
  }

  function keep(work: Promise<void>): Promise<void> {
    const kept = work.finally(() => running.delete(kept));
    running.add(kept);
    return kept;
  }

  async function orRepair(work: () => Promise<void>): Promise<void> {
    if (!(await attempt(work))) await repair();
  }

  return {
    // While it is being repaired, the present as a whole will hold this as well; to take it too does no harm.
    report: (change) => void keep(orRepair(() => responder.take(change))),
    firstLook: () => keep(orRepair(() => responder.reconcile(present()))),
    async close() {
      closing.abort();
      responder.close();
      await Promise.all(running);
    },
  };
}
