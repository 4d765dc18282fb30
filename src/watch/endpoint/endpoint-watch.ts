import type { Clock } from "../../base/time.ts";
import type { Probe, ProbeResult } from "../../drivers/service/probe.ts";
import type { EndpointFacts } from "../facts.ts";
import { momentOf } from "../node/node-watch.ts";
import { createWakeUp } from "../node/wake-up.ts";
import { damp, type DampingState, undamped } from "./damping.ts";

/** A service or a cache, probed every second. */
export interface EndpointWatch {
  facts(): EndpointFacts;
  close(): Promise<void>;
}

export type EndpointWatchOptions = Readonly<{
  name: string;
  probe: Probe;
  everyMs: number;
  timeoutMs: number;
  clock: Clock;
  /** Called when the state has changed. */
  changed(): void;
  /** Called after every probe that was good: whatever is read along with it. */
  after?(): Promise<void>;
}>;

const againMs = 100;

export function startEndpointWatch(options: EndpointWatchOptions): EndpointWatch {
  const { name, probe, everyMs, timeoutMs, clock } = options;
  const stop = new AbortController();
  const wake = createWakeUp(stop.signal);
  let damping: DampingState = undamped;
  let facts: EndpointFacts = { name, state: "unknown", since: momentOf(clock) };

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const result = await probe(timeoutMs);
      if (stop.signal.aborted) return;
      const damped = damp(damping, result.outcome === "good", clock.monotonicMs());
      damping = damped;
      take(result);
      if (result.outcome === "good") await options.after?.();
      await wake.sleep((damped.again ? againMs : everyMs) - (clock.monotonicMs() - startedMs));
    }
  }

  function take(result: ProbeResult): void {
    const now = momentOf(clock);
    const before = facts;
    const isGood = result.outcome === "good";
    facts = {
      name,
      state: damping.state,
      since: damping.state === before.state ? before.since : now,
      ...(isGood ? { lastGood: now } : before.lastGood === undefined ? {} : { lastGood: before.lastGood }),
      ...(isGood ? (before.detail === undefined ? {} : { detail: before.detail }) : { detail: result.detail }),
      ...(result.outcome === "refused" ? { refused: true } : {}),
    };
    if (facts.state !== before.state || facts.refused !== before.refused) options.changed();
  }

  const running = run();
  return {
    facts: () => facts,
    async close() {
      stop.abort();
      // A probe under way ends by its own time limit; nobody needs to wait for that.
      await Promise.race([running, Promise.resolve()]);
    },
  };
}
