import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import { connectRedis, type RedisCache } from "../../drivers/redis/cache.ts";
import type { CacheFault } from "./fault.ts";

const parameters = z.strictObject({
  pattern: z.string().min(1).describe("Which keys, as SCAN has it: `session:*`."),
  inSeconds: z.coerce
    .number({ error: "is no number" })
    .min(0)
    .max(86_400)
    .default(0)
    .describe("When they expire, all at the same moment."),
});

const batch = 500;
const lookedAtMax = 1000;

export const expireKeys: CacheFault<z.output<typeof parameters>> = {
  kind: "cache",
  name: "expire-keys",
  description:
    "All keys of a pattern expire at the same moment: the cache stalls, and every miss goes to the database.",
  undo: "What has expired is gone; the service fills its cache again from the database.",
  needs: "a cache that blackstart.yaml declares `expendable: true`: `--file blackstart.yaml --on <cache>`",
  parameters,
  async inject({ name, url }, { pattern, inSeconds }) {
    const { count, sample } = await withRedis(url, (cache) => expireTogether(cache, pattern, inSeconds * 1000));
    if (count === 0) throw noKeys(name, pattern);
    return {
      done: `Let ${count} keys of ${name} (${pattern}) expire ${inSeconds === 0 ? "at once" : `together, in ${inSeconds} s`}.`,
      // −2: it is gone already.
      tookEffect: async () => {
        const left = await withRedis(url, (cache) => cache.ttlsMs(sample));
        return left.every((ms) => ms === -2 || (ms >= 0 && ms <= inSeconds * 1000));
      },
    };
  },
};

async function expireTogether(cache: RedisCache, pattern: string, inMs: number) {
  const atMs = (await cache.nowMs()) + inMs;
  const sample: string[] = [];
  let count = 0;
  let cursor = "0";
  do {
    const found = await cache.scan(cursor, pattern, batch);
    await cache.expireAt(found.keys, atMs);
    cursor = found.cursor;
    count += found.keys.length;
    sample.push(...found.keys.slice(0, lookedAtMax - sample.length));
  } while (cursor !== "0");
  return { count, sample };
}

async function withRedis<T>(url: string, use: (cache: RedisCache) => Promise<T>): Promise<T> {
  const cache = await connectRedis(url);
  try {
    return await use(cache);
  } finally {
    await cache.close();
  }
}

function noKeys(name: string, pattern: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The cache ${name} has no key that fits ${pattern}.`,
    why: "So nothing can expire.",
    next: "Look at its keys: redis-cli --scan",
  });
}
