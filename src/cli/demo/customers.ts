import { Agent, request } from "node:http";
import { delay, type Instant, systemClock } from "../../base/time.ts";
import { accountCount } from "./ledger.ts";

export interface Customers {
  /** Transfers that the service said were booked. */
  readonly acknowledged: ReadonlySet<number>;
  readonly failed: number;
  /**
   * When the first transfer was acknowledged of those sent after `instant`: answers that were already under way at a
   * kill do not count, they came from the old primary.
   */
  servedAgainAt(instant: Instant): Instant | undefined;
  stop(): Promise<void>;
}

export type Transfer = Readonly<{ id: number; from: number; to: number; amount: number }>;

/**
 * Customers who send transfers to the payments service, `workers` at a time with a short pause between two: a bounded
 * load. They count what they were told, which is the only honest measure of what was acknowledged.
 */
export function startCustomers(
  port: number,
  options: { workers: number; pauseMs: number; limit: number; random: () => number },
): Customers {
  const agent = new Agent({ keepAlive: true, maxSockets: options.workers });
  const ending = new AbortController();
  const acknowledged = new Set<number>();
  const answers: { sentAt: Instant; at: Instant }[] = [];
  let failed = 0;
  let nextId = 1;

  async function customer(): Promise<void> {
    while (!ending.signal.aborted && nextId <= options.limit) {
      const transfer = randomTransfer(nextId++, options.random);
      const sentAt = systemClock.now();
      if (await send(agent, port, transfer)) {
        acknowledged.add(transfer.id);
        answers.push({ sentAt, at: systemClock.now() });
      } else failed += 1;
      await delay(options.pauseMs);
    }
  }

  const working = Promise.all(Array.from({ length: options.workers }, customer));
  return {
    acknowledged,
    get failed() {
      return failed;
    },
    servedAgainAt: (instant) => answers.find((answer) => answer.sentAt > instant)?.at,
    async stop() {
      ending.abort();
      await working;
      agent.destroy();
    },
  };
}

function randomTransfer(id: number, random: () => number): Transfer {
  const from = 1 + Math.floor(random() * accountCount);
  const to = 1 + ((from + Math.floor(random() * (accountCount - 1))) % accountCount);
  return { id, from, to, amount: 1 + Math.floor(random() * 50) };
}

function send(agent: Agent, port: number, transfer: Transfer): Promise<boolean> {
  const path = `/transfer?id=${transfer.id}&from=${transfer.from}&to=${transfer.to}&amount=${transfer.amount}`;
  return new Promise((resolve) => {
    const sent = request({ agent, host: "127.0.0.1", port, path, method: "POST", timeout: 10_000 }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", () => resolve(false));
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer")));
    sent.on("error", () => resolve(false));
    sent.end();
  });
}
