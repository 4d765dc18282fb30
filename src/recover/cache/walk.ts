import { BlackstartError } from "../../base/error.ts";
import { delay } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { RedisCache } from "../../drivers/redis/cache.ts";
import { keyPattern } from "./keys.ts";
import { askDatabase } from "./truth.ts";

/** A cache entry that does not say what the database says. */
export type WrongEntry = Readonly<{
  key: string;
  identifier: string;
  /** What the cache holds, as it was read. */
  value: Buffer;
  /** What the database says; null: it has no such row, the entry is an orphan. */
  expected: string | null;
}>;

export type WalkCounts = {
  /** Keys of the pattern, as SCAN gave them. */
  keys: number;
  compared: number;
  /** Wrong at the first look, right or gone at the second: an update in between. */
  passing: number;
  wrong: number;
  orphaned: number;
  /** Keys whose identifier the query cannot take; left alone. */
  unreadable: number;
  /** Keys of another type than string, by type; left alone. */
  otherTypes: Record<string, number>;
};

export type WalkOptions = Readonly<{
  /** Keys looked at a second, at most. A scan without a limit disturbs the server's own expiry. */
  keysPerSecond?: number;
  /** Identifiers in one query. */
  batch?: number;
  /** The pause before the second look. */
  settleMs?: number;
  queryTimeoutMs?: number;
  signal?: AbortSignal;
  /** Asked again for each batch; false ends the walk early (a budget is used up). */
  goOn?: () => boolean;
}>;

export const walkDefaults = { keysPerSecond: 20_000, batch: 500, settleMs: 1000, queryTimeoutMs: 30_000 } as const;

/** So many suspects are held before they are looked at again. */
const suspectsMax = 20_000;

/**
 * Goes over all entries of a pattern and gives those that are wrong at two looks to `take`, in batches. The cache is
 * read before the database, so that a write in between shows as a suspect and never as right by chance.
 */
export async function walkEntries(
  cache: RedisCache,
  connection: Connection,
  entry: Readonly<{ name: string; keys: string; query: string }>,
  options: WalkOptions,
  take: (wrong: readonly WrongEntry[]) => Promise<void>,
): Promise<WalkCounts> {
  await refuseCluster(cache);
  const queryTimeoutMs = options.queryTimeoutMs ?? walkDefaults.queryTimeoutMs;
  // The query is the user's own, and a look changes nothing, whatever is written there.
  await connection.query(`set default_transaction_read_only = on; set statement_timeout = ${queryTimeoutMs}`);
  const pattern = keyPattern(entry.keys);
  const source = { ...entry, column: pattern.column };
  const batch = options.batch ?? walkDefaults.batch;
  const counts: WalkCounts = { keys: 0, compared: 0, passing: 0, wrong: 0, orphaned: 0, unreadable: 0, otherTypes: {} };
  const rate = pacer(options.keysPerSecond ?? walkDefaults.keysPerSecond, options.signal);
  let suspects = new Map<string, string>();

  const compare = async (keys: ReadonlyMap<string, string>, count: boolean): Promise<readonly WrongEntry[]> => {
    const names = [...keys.keys()];
    const values = await cache.values(names);
    const strings = names.filter((_, index) => values[index] !== null);
    if (count)
      await countOthers(
        cache,
        names.filter((_, index) => values[index] === null),
        counts,
      );
    const identifiers = strings.map((key) => keys.get(key) as string);
    // The server's own limit comes first, so that nothing runs on there after we have given up.
    const truth = await askDatabase(connection, source, identifiers, queryTimeoutMs + 1000);
    const wrong: WrongEntry[] = [];
    for (const [index, key] of names.entries()) {
      const value = values[index];
      const identifier = keys.get(key) as string;
      if (!value) continue;
      if (truth.unreadable.has(identifier)) {
        if (count) counts.unreadable++;
        continue;
      }
      if (count) counts.compared++;
      const expected = truth.values.get(identifier) ?? null;
      if (expected === null || !value.equals(Buffer.from(expected, "utf8")))
        wrong.push({ key, identifier, value, expected });
    }
    return wrong;
  };

  const lookAgain = async () => {
    if (suspects.size === 0) return;
    await delay(options.settleMs ?? walkDefaults.settleMs, options.signal);
    const held = [...suspects];
    suspects = new Map();
    for (let at = 0; at < held.length && options.goOn?.() !== false; at += batch) {
      const part = held.slice(at, at + batch);
      await rate(part.length);
      const wrong = await compare(new Map(part), false);
      counts.passing += part.length - wrong.length;
      counts.wrong += wrong.filter(({ expected }) => expected !== null).length;
      counts.orphaned += wrong.filter(({ expected }) => expected === null).length;
      await take(wrong);
    }
  };

  let cursor = "0";
  do {
    const found = await cache.scan(cursor, pattern.glob, batch);
    cursor = found.cursor;
    // SCAN may give a key twice.
    const keys = new Map<string, string>();
    for (const key of found.keys) {
      const identifier = pattern.identifierOf(key);
      if (identifier !== undefined) keys.set(key, identifier);
    }
    counts.keys += keys.size;
    await rate(Math.max(keys.size, batch));
    for (const wrong of await compare(keys, true)) suspects.set(wrong.key, wrong.identifier);
    if (suspects.size >= suspectsMax) await lookAgain();
  } while (cursor !== "0" && options.goOn?.() !== false);
  await lookAgain();
  return counts;
}

async function countOthers(cache: RedisCache, keys: readonly string[], counts: WalkCounts): Promise<void> {
  if (keys.length === 0) return;
  // Gone in between is no entry; a string was written in between and is looked at by the next walk.
  for (const type of await cache.types(keys))
    if (type !== "none" && type !== "string") counts.otherTypes[type] = (counts.otherTypes[type] ?? 0) + 1;
}

async function refuseCluster(cache: RedisCache): Promise<void> {
  const info = await cache.info();
  if (!info.cluster) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${cache.place} is a node of a Redis Cluster.`,
    why: "Its keys are spread over several nodes, and one node's scan shows only its own.",
    next: "Name a server without cluster mode; Redis Cluster is not read yet.",
  });
}

/** Answers a function that waits as long as is needed to keep to a rate. */
export function pacer(perSecond: number, signal?: AbortSignal): (count: number) => Promise<void> {
  let free = performance.now();
  return async (count) => {
    const now = performance.now();
    const wait = free - now;
    free = Math.max(free, now) + (1000 * count) / perSecond;
    if (wait > 1) await delay(wait, signal);
    else signal?.throwIfAborted();
  };
}
