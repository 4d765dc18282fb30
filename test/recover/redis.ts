import { execFileSync } from "node:child_process";
import { createClient, type RedisClientType } from "redis";
import { findRedis, startRedis } from "../../src/lab/redis.ts";

/** A redis-server; installed with apt where we are root and it is not there. Undefined: not to be had. */
export async function redisBinary(): Promise<string | undefined> {
  const found = findRedis();
  if (found !== undefined || process.getuid?.() !== 0) return found;
  try {
    execFileSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", "redis-server"], {
      stdio: "ignore",
      timeout: 60_000,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    });
  } catch {
    // No network or no apt: the tests that need it are skipped and say so.
  }
  return findRedis();
}

export type TestRedis = Readonly<{ url: string; client: RedisClientType; kill: () => Promise<void> }>;

export async function withRedis(
  binary: string,
  directory: string,
  use: (redis: TestRedis) => Promise<void>,
): Promise<void> {
  const server = await startRedis(binary, directory);
  const client = createClient({ url: server.url }) as unknown as RedisClientType;
  // A server that a test has killed is no news.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await use({ url: server.url, client, kill: () => server.stop() });
  } finally {
    client.destroy();
    await server.stop();
  }
}
