import { systemClock } from "../base/time.ts";
import { connectRedis, type RedisCache } from "../drivers/redis/cache.ts";
import type { Evidence, Finding } from "../finding/finding.ts";
import { cacheOf } from "../system/names.ts";
import type { Cache } from "../system/schema.ts";
import { walkEntries, type WalkCounts, type WalkOptions, type WrongEntry } from "./cache/walk.ts";
import type { LookContext } from "./context.ts";
import { withPrimary } from "./primary.ts";

export type CacheEntriesLook = WalkCounts &
  Readonly<{
    keysPattern: string;
    cluster: string;
    /** Up to 20; `ttlMs` −1: without an expiry. */
    samples: readonly Readonly<{ key: string; cached: string; expected: string | null; ttlMs: number }>[];
  }>;

export type CacheLook = Readonly<{ cache: string; entries: readonly CacheEntriesLook[]; finding?: Finding }>;

const samplesKept = 20;

/** Compares the declared entries of caches with the database. Changes nothing. */
export async function lookForStaleCache(
  context: LookContext,
  options: WalkOptions & { names?: readonly string[] } = {},
): Promise<readonly CacheLook[]> {
  const looks: CacheLook[] = [];
  for (const name of options.names ?? Object.keys(context.system.caches))
    looks.push(await lookAtCache(context, name, options));
  return looks;
}

export async function lookAtCache(context: LookContext, name: string, options: WalkOptions = {}): Promise<CacheLook> {
  const declared = cacheOf(context.system, name);
  const entries = await withCache(declared, async (cache) => {
    const looks: CacheEntriesLook[] = [];
    for (const entry of declared.entries) {
      const samples: CacheEntriesLook["samples"][number][] = [];
      const counts = await withPrimary(context, entry.cluster, {}, ({ connection }) =>
        walkEntries(cache, connection, { ...entry, name }, options, async (wrong) => {
          const kept = wrong.slice(0, samplesKept - samples.length);
          const ttls = await cache.ttlsMs(kept.map(({ key }) => key));
          samples.push(...kept.map((each, index) => sampleOf(each, ttls[index] ?? -2)));
        }),
      );
      looks.push({ ...counts, keysPattern: entry.keys, cluster: entry.cluster, samples });
    }
    return looks;
  });
  const finding = findingOf(context, name, entries);
  return { cache: name, entries, ...(finding === undefined ? {} : { finding }) };
}

export async function withCache<T>(declared: Cache, use: (cache: RedisCache) => Promise<T>): Promise<T> {
  const cache = await connectRedis(declared.redis);
  try {
    return await use(cache);
  } finally {
    await cache.close();
  }
}

/** A value is shown up to this length; bytes that are no text are shown as such. */
const shownMax = 200;

function sampleOf({ key, value, expected }: WrongEntry, ttlMs: number): CacheEntriesLook["samples"][number] {
  const short = (text: string) => (text.length > shownMax ? `${text.slice(0, shownMax)}…` : text);
  return { key, cached: short(value.toString("utf8")), expected: expected === null ? null : short(expected), ttlMs };
}

function findingOf(context: LookContext, name: string, entries: readonly CacheEntriesLook[]): Finding | undefined {
  const sum = (field: "wrong" | "orphaned" | "compared" | "passing" | "unreadable") =>
    entries.reduce((total, entry) => total + entry[field], 0);
  const stale = sum("wrong") + sum("orphaned");
  if (stale === 0) return undefined;
  const others = entries.flatMap(({ otherTypes }) => Object.entries(otherTypes));
  const evidence: Evidence[] = [
    { label: "compared", value: String(sum("compared")) },
    { label: "wrong", value: String(sum("wrong")) },
    { label: "orphaned (no such row)", value: String(sum("orphaned")) },
    { label: "right at the second look", value: String(sum("passing")) },
    ...(sum("unreadable") > 0
      ? [{ label: "keys whose identifier the query cannot take", value: String(sum("unreadable")) }]
      : []),
    ...others.map(([type, count]) => ({ label: `of type ${type}, not compared`, value: String(count) })),
    ...entries
      .flatMap(({ samples }) => samples)
      .slice(0, samplesKept)
      .map((sample) => ({ label: "sample", value: JSON.stringify(sample) })),
  ];
  return {
    code: "recover.cache-stale",
    severity: "warning",
    subject: { kind: "cache", name },
    title: `${stale} ${stale === 1 ? "entry" : "entries"} of the cache ${name} ${stale === 1 ? "does" : "do"} not match the database`,
    evidence,
    remedy: { kind: "purge-cache", subject: { kind: "cache", name } },
    seenAt: (context.clock ?? systemClock).now(),
  };
}
