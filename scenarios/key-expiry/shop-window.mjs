// A shop window: it shows items out of Redis, and asks the database for those that Redis does not have.
//
//   JITTER=1             keys expire one after the other, over a minute; 0: all at the same moment, 0.6 s from now
//   COALESCE=1           who misses a key that somebody is asking for waits for that answer; 0: asks as well
//   READS_PER_SECOND     how many visitors there are
import pg from "pg";
import { createClient } from "redis";

const { BLACKSTART_CLIENT_URL: database, BLACKSTART_REDIS_URL: url } = process.env;
const jitter = process.env.JITTER === "1";
const coalesce = process.env.COALESCE === "1";
const readsPerSecond = Number(process.env.READS_PER_SECOND);
const items = 400;
const tickMs = 10;
/** What the page is put together from takes the database so long. */
const query = "select pg_sleep(0.15), value from items where id = $1";

const redis = await createClient({ url }).connect();
await Promise.all(
  Array.from({ length: items }, (_, item) =>
    redis.set(`item:${item}`, "shown before", { PX: jitter ? 600 + item * 150 : 600 }),
  ),
);

const asked = new Map();
let due = 0;
let next = 0;
setInterval(() => {
  for (due += (readsPerSecond * tickMs) / 1000; due >= 1; due--) void show((next = (next + 7) % items));
}, tickMs);
// Whoever started it holds the standard input.
process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write("the shop window is open\n");

async function show(item) {
  const key = `item:${item}`;
  if ((await redis.get(key)) !== null) return;
  const answer = coalesce ? (asked.get(key) ?? ask(item)) : ask(item);
  asked.set(key, answer);
  await answer.finally(() => asked.delete(key));
}

async function ask(item) {
  const client = new pg.Client({ connectionString: database, connectionTimeoutMillis: 1000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(query, [item + 1]);
    await redis.set(`item:${item}`, rows[0]?.value ?? "", { PX: 60_000 });
  } catch {
    // The page is shown without it; the next visitor asks again.
  } finally {
    await client.end().catch(() => undefined);
  }
}
