import { createClient, RESP_TYPES } from "redis";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { withoutPassword } from "../../system/secrets.ts";

/**
 * One connection to one Redis or Valkey server, to look at entries and to remove them. The contract:
 *
 * - everything has a time limit; what runs into it, or a connection that breaks, throws UNREACHABLE; nothing is queued
 *   or tried again behind the caller's back;
 * - values are bytes: what is compared and deleted is what was read;
 * - an answer that is an error throws QUERY_FAILED.
 */
export interface RedisCache {
  /** Without its password. */
  readonly place: string;
  scan(cursor: string, pattern: string, count: number): Promise<{ cursor: string; keys: readonly string[] }>;
  /** The values of strings; null for a key that is gone or of another type. */
  values(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  /** `string`, `hash`, …; `none` for a key that is gone. */
  types(keys: readonly string[]): Promise<readonly string[]>;
  /** Milliseconds to live; −1 without an expiry, −2 for a key that is gone. */
  ttlsMs(keys: readonly string[]): Promise<readonly number[]>;
  /** Removes each key only if it still holds this value; answers which were removed. One script on the server. */
  removeIfEqual(entries: readonly Readonly<{ key: string; value: Buffer }>[]): Promise<readonly boolean[]>;
  /** The server's clock, in milliseconds since 1970. */
  nowMs(): Promise<number>;
  /** Lets each expire at this moment of the server's clock; what has passed expires at once. */
  expireAt(keys: readonly string[], atMs: number): Promise<void>;
  info(): Promise<Readonly<{ version: string; role: "master" | "slave"; cluster: boolean }>>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 5000;

/** Compare and delete. A key of another type is left alone. */
const removeScript = `
local removed = {}
for index, key in ipairs(KEYS) do
  local value = redis.pcall('GET', key)
  if type(value) == 'string' and value == ARGV[index] then
    redis.call('UNLINK', key)
    removed[index] = 1
  else
    removed[index] = 0
  end
end
return removed`;

/** @param url redis:// or rediss:// (TLS), with `user:password@` where the server wants one */
export async function connectRedis(url: string, options: { timeoutMs?: number } = {}): Promise<RedisCache> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const place = withoutPassword(url);
  const client = createClient({
    url,
    disableOfflineQueue: true,
    disableClientInfo: true,
    socket: { reconnectStrategy: false, connectTimeout: timeoutMs },
  });
  // Heard here so that it does not end the process; each call says it to its caller.
  client.on("error", () => undefined);
  const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const ask = <T>(act: () => Promise<T>) => limited(place, timeoutMs, act, () => client.destroy());
  try {
    await ask(() => client.connect());
  } catch (error) {
    if (client.isOpen) client.destroy();
    throw error;
  }
  const each = async <T>(keys: readonly string[], command: string) =>
    (await ask(() => Promise.all(keys.map((key) => client.sendCommand([command, key]))))) as T[];
  return {
    place,
    async scan(cursor, pattern, count) {
      const answer = (await ask(() =>
        client.sendCommand(["SCAN", cursor, "MATCH", pattern, "COUNT", String(count)]),
      )) as unknown as [string, string[]];
      return { cursor: answer[0], keys: answer[1] };
    },
    values: async (keys) =>
      keys.length === 0 ? [] : ((await ask(() => bytes.mGet([...keys]))) as unknown as (Buffer | null)[]),
    types: (keys) => each<string>(keys, "TYPE"),
    ttlsMs: (keys) => each<number>(keys, "PTTL"),
    async removeIfEqual(entries) {
      if (entries.length === 0) return [];
      const answer = (await ask(() =>
        client.sendCommand([
          "EVAL",
          removeScript,
          String(entries.length),
          ...entries.map(({ key }) => key),
          ...entries.map(({ value }) => value),
        ]),
      )) as unknown as number[];
      return answer.map((removed) => removed === 1);
    },
    async nowMs() {
      const [seconds, microseconds] = (await ask(() => client.sendCommand(["TIME"]))) as unknown as [string, string];
      return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    },
    async expireAt(keys, atMs) {
      await ask(() => Promise.all(keys.map((key) => client.sendCommand(["PEXPIREAT", key, String(atMs)]))));
    },
    async info() {
      const text = String(await ask(() => client.sendCommand(["INFO"])));
      const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1] ?? "";
      return {
        version: field("valkey_version") || field("redis_version"),
        role: field("role") === "slave" ? "slave" : "master",
        cluster: field("cluster_enabled") === "1",
      };
    },
    async close() {
      if (client.isOpen) client.destroy();
    },
  };
}

async function limited<T>(place: string, timeoutMs: number, act: () => Promise<T>, giveUp: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(unreachable(place, `no answer within ${timeoutMs} ms`));
      // A late answer would be taken for the next question's.
      giveUp();
    }, timeoutMs);
  });
  try {
    return await Promise.race([act(), expired]);
  } catch (error) {
    if (error instanceof BlackstartError) throw error;
    const message = messageOf(error);
    // Answers of the server begin with a word in capitals: WRONGPASS, NOAUTH, NOPERM, LOADING, READONLY, ERR, …
    if (!/^(?!E[A-Z]{4,} )[A-Z]{3,}\b/.test(message)) throw unreachable(place, message, error);
    throw new BlackstartError("QUERY_FAILED", {
      what: `${place} refused a command: ${message}`,
      why: /^(WRONGPASS|NOAUTH|NOPERM)/.test(message) ? "The password or the user's rights are not right." : message,
      next: "Check the url (redis://user:password@address:port/database) and the user's rights (ACL).",
      details: { reply: message.split(" ")[0] ?? "" },
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

function unreachable(place: string, why: string, cause?: unknown): BlackstartError {
  return new BlackstartError("UNREACHABLE", {
    what: `Cannot reach ${place}: ${why}`,
    why: "The cache does not answer, or the connection broke.",
    next: "Check that it runs, that the address is right, and whether it wants TLS (rediss://).",
    cause,
  });
}
