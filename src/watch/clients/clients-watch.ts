import type { Cluster } from "../../system/schema.ts";
import type { ClientsFacts } from "../facts.ts";
import { createWakeUp } from "../node/wake-up.ts";
import { lookAtClients } from "./look.ts";

/** Looks where the clients of a cluster are led, every second, and at once when it is poked. */
export interface ClientsWatch {
  /** Undefined before the first look. */
  facts(): ClientsFacts | undefined;
  poke(): void;
  close(): Promise<void>;
}

export type ClientsWatchOptions = Readonly<{
  name: string;
  cluster: Cluster;
  /** Whether what was seen last is not what it should be: then it is looked at more often. */
  isAmiss(): boolean;
  changed(): void;
}>;

const everyMs = 1000;
const amissMs = 50;

export function startClientsWatch(options: ClientsWatchOptions): ClientsWatch {
  const stop = new AbortController();
  const wake = createWakeUp(stop.signal);
  let facts: ClientsFacts | undefined;

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      wake.wasPoked();
      const seen = await lookAtClients(options.name, options.cluster);
      if (stop.signal.aborted || seen === undefined) return;
      const isNew = JSON.stringify(seen) !== JSON.stringify(facts);
      facts = seen;
      if (isNew) options.changed();
      await wake.sleep(options.isAmiss() ? amissMs : everyMs);
    }
  }

  const running = run();
  return {
    facts: () => facts,
    poke: wake.now,
    async close() {
      stop.abort();
      // A question under way ends by its own time limit; nobody needs to wait for that.
      await Promise.race([running, Promise.resolve()]);
    },
  };
}
