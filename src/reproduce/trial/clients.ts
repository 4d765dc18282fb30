import { delay } from "../../base/time.ts";
import { type Connection, connect } from "../../drivers/postgres/connection.ts";
import type { Scenario } from "../scenario/schema.ts";

/** The clients of a trial: they write through the clients' own path, and what they were told is remembered. */
export interface Clients {
  /** The numbers of the writes that were acknowledged, in the order of their acknowledgement. */
  acknowledged(): readonly number[];
  /** When (monotonic, in milliseconds) the latest write began that was acknowledged; undefined: none was. */
  lastAcceptedMs(): number | undefined;
  /** The longest time after `sinceMs` (monotonic) in which no acknowledgement came, up to now, in milliseconds. */
  longestSilenceMs(sinceMs: number): number;
  /** The last thing that a client was told instead of an acknowledgement. */
  lastRefusal(): string | undefined;
  stop(): Promise<void>;
}

/** A client that is told nothing gives up after so long, as a service with sane limits would. */
const timeoutMs = 1000;
const pauseAfterErrorMs = 5;
/** Shorter ones are the work itself. */
const silenceMinMs = 20;
const usualPauseMs = 2;

export type Workload = Scenario["workload"];

/** What a write is, where the scenario does not say. */
const table = "acknowledged_writes";
export const usualSetup = `create table if not exists ${table} (id bigint primary key)`;
const usualWrite = [`insert into ${table} values ($1)`];
export const usualPresent = `select id from ${table}`;

/**
 * @param clientUrl where a client would connect now; undefined: nowhere
 */
export function startClients(
  workload: Workload,
  clientUrl: () => Promise<string | undefined>,
  signal: AbortSignal,
): Clients {
  const over = new AbortController();
  const stopped = AbortSignal.any([over.signal, signal]);
  const acknowledged: number[] = [];
  const silences: { fromMs: number; toMs: number }[] = [];
  let lastAcceptedMs: number | undefined;
  let lastAnswerMs = performance.now();
  let numbers = 0;
  let lastRefusal: string | undefined;

  const statements = workload.write ?? usualWrite;
  const write = async (connection: Connection) => {
    const number = ++numbers;
    const begunMs = performance.now();
    for (const statement of statements)
      await connection.query(statement, /\$1\b/.test(statement) ? [number] : [], { timeoutMs });
    acknowledged.push(number);
    lastAcceptedMs = Math.max(lastAcceptedMs ?? 0, begunMs);
    const nowMs = performance.now();
    if (nowMs - lastAnswerMs >= silenceMinMs) silences.push({ fromMs: lastAnswerMs, toMs: nowMs });
    lastAnswerMs = nowMs;
  };

  async function client(): Promise<void> {
    while (!stopped.aborted) {
      let connection: Connection | undefined;
      try {
        const url = await clientUrl();
        if (url === undefined) throw new Error("there is no address to connect to");
        connection = await connect(url, { timeoutMs, applicationName: "client" });
        do {
          await write(connection);
          await delay(workload.every ?? usualPauseMs, stopped);
        } while (!workload.reconnect && !stopped.aborted);
      } catch (error) {
        // Cut off, refused or not answered: like a real client it tries again, and believes nothing of that write.
        if (!stopped.aborted) lastRefusal = (error as Error).message;
        await delay(pauseAfterErrorMs, stopped).catch(() => undefined);
      } finally {
        await connection?.close();
      }
    }
  }

  const running = Array.from({ length: workload.clients }, client);
  return {
    acknowledged: () => acknowledged,
    lastAcceptedMs: () => lastAcceptedMs,
    longestSilenceMs: (sinceMs) =>
      [...silences, { fromMs: lastAnswerMs, toMs: performance.now() }].reduce(
        (longest, { fromMs, toMs }) => Math.max(longest, toMs - Math.max(fromMs, sinceMs)),
        0,
      ),
    lastRefusal: () => lastRefusal,
    async stop() {
      over.abort();
      await Promise.all(running);
    },
  };
}
