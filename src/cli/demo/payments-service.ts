/**
 * The demo's payments service, a process of its own: `POST /transfer?id=&from=&to=&amount=`, `GET /health`,
 * `GET /metrics`. It finds the primary in the address file, as Blackstart's clients do, and keeps balances in Redis where
 * there is one. It is written as such services are: it does not clean up after a crash. That is Blackstart's work.
 */
import { randomInt } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createClient } from "redis";
import { delay } from "../../base/time.ts";
import { messageOf } from "../../base/error.ts";
import { bookEntry, bookStatements } from "./ledger.ts";
import { createPool, type Pool } from "./service-pool.ts";

const { values } = parseArgs({
  options: { "address-file": { type: "string" }, redis: { type: "string" }, port: { type: "string" } },
});
const pool = createPool(values["address-file"] ?? "", { connections: 8, timeoutMs: 2000 });
const redis = values.redis === undefined ? undefined : createClient({ url: values.redis, disableOfflineQueue: true });
redis?.on("error", (error) => process.stderr.write(`cache: ${messageOf(error)}\n`));
await redis?.connect();

const counters = { requests: 0, failed: 0, lastSuccessAt: Date.now(), lastFailureAt: 0 };

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname === "/health") return answer(healthy() ? 200 : 503, healthy() ? "ok\n" : "transfers fail\n");
  if (url.pathname === "/metrics") {
    return answer(
      200,
      `payments_requests_total ${counters.requests}\npayments_requests_failed_total ${counters.failed}\n`,
    );
  }
  if (url.pathname !== "/transfer" || request.method !== "POST") return answer(404, "not found\n");
  counters.requests += 1;
  transfer(pool, url.searchParams).then(
    () => {
      counters.lastSuccessAt = Date.now();
      answer(200, "booked\n");
    },
    (error) => {
      counters.failed += 1;
      counters.lastFailureAt = Date.now();
      answer(503, `${messageOf(error)}\n`);
    },
  );

  function answer(status: number, text: string): void {
    response.writeHead(status, { "content-type": "text/plain" }).end(text);
  }
});
server.listen(Number(values.port), "127.0.0.1", () =>
  process.stdout.write(`listening ${(server.address() as { port: number }).port}\n`),
);
void writeStatements();
// Whoever started the service holds its standard input; when they are gone, so is the service.
process.stdin.on("end", () => process.exit(0)).resume();
process.on("SIGTERM", () => process.exit(0));

/** In the background, the monthly statements: one long transaction after the other, as such jobs are. */
async function writeStatements(): Promise<never> {
  for (;;) {
    const written = pool.transaction(async (query) => {
      for (let page = 0; page < bookStatements.pages; page += 1) {
        await query(bookStatements.page, [page]);
        await delay(20);
      }
    });
    await written.catch(() => delay(100) /* no database: begin again */);
  }
}

/** Well while the last word from the database was a success. */
function healthy(): boolean {
  return counters.lastSuccessAt >= counters.lastFailureAt;
}

/** Debit, then credit: two transactions. Between them, and between cache and commit, a crash leaves its marks. */
async function transfer(pool: Pool, parameters: URLSearchParams): Promise<void> {
  const [id, from, to, amount] = ["id", "from", "to", "amount"].map((name) => Number(parameters.get(name))) as [
    number,
    number,
    number,
    number,
  ];
  await book(pool, id, from, -amount);
  await delay(randomInt(10, 40)); // the fraud check, say; of one length it would keep all customers in step
  await book(pool, id, to, amount);
}

async function book(pool: Pool, transferId: number, account: number, amount: number): Promise<void> {
  await pool.transaction(async (query) => {
    await query(bookEntry.entry, [transferId, account, amount]);
    const [row] = await query<{ balance: string }>(bookEntry.balance, [account, amount]);
    // The cache is written before the commit is known to have worked: quicker, and wrong when it has not.
    await redis?.set(`balance:${account}`, row?.balance ?? "0");
  });
}
