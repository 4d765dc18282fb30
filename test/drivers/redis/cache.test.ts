import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { connectRedis } from "../../../src/drivers/redis/cache.ts";
import { redisBinary, withRedis } from "../../recover/redis.ts";
import { withFolder } from "../../support/folder.ts";

const binary = await redisBinary();
const skip = binary === undefined ? "no redis-server, and it could not be installed" : false;

test("it compares and deletes on the server, and tells types and expiries", { skip }, () =>
  withFolder((folder) =>
    withRedis(binary as string, folder, async ({ url, client }) => {
      await client.mSet({ a: "1", b: "2", c: "3" });
      await client.hSet("h", "f", "v");
      await client.expire("c", 1000);
      const raw = Buffer.from([0xff, 0x00, 0xfe]);
      await client.set("raw", raw);
      const cache = await connectRedis(url);
      assert.deepEqual(
        (await cache.values(["a", "h", "gone", "raw"])).map((value) => value?.toString("hex")),
        ["31", undefined, undefined, "ff00fe"],
      );
      assert.deepEqual(await cache.types(["a", "h", "gone"]), ["string", "hash", "none"]);
      const ttls = await cache.ttlsMs(["a", "c", "gone"]);
      assert.deepEqual([ttls[0], ttls[2]], [-1, -2]);
      assert.ok((ttls[1] ?? 0) > 900_000);
      const entries = [
        { key: "a", value: Buffer.from("1") },
        { key: "b", value: Buffer.from("not 2") },
        { key: "h", value: Buffer.from("v") },
        { key: "gone", value: Buffer.from("") },
        { key: "raw", value: raw },
      ];
      assert.deepEqual(await cache.removeIfEqual(entries), [true, false, false, false, true]);
      assert.deepEqual((await client.keys("*")).sort(), ["b", "c", "h"]);
      const seen = new Set<string>();
      let cursor = "0";
      do {
        const found = await cache.scan(cursor, "[bc]", 10);
        for (const key of found.keys) seen.add(key);
        cursor = found.cursor;
      } while (cursor !== "0");
      assert.deepEqual([...seen].sort(), ["b", "c"]);
      assert.deepEqual(((info) => [info.role, info.cluster])(await cache.info()), ["master", false]);
      await cache.close();
    }),
  ),
);

test("passwords and users work; a wrong one is said without it", { skip }, () =>
  withFolder((folder) =>
    withRedis(binary as string, folder, async ({ url, client }) => {
      await client.sendCommand(["ACL", "SETUSER", "ada", "on", ">s3cret", "~*", "+@all"]);
      await client.sendCommand(["CONFIG", "SET", "requirepass", "other"]);
      const at = (login: string) => url.replace("redis://", `redis://${login}@`);
      for (const login of ["ada:s3cret", ":other"]) await (await connectRedis(at(login))).close();
      await assert.rejects(connectRedis(at("ada:wr0ng")), (error: Error & { code: string }) => {
        assert.equal(error.code, "QUERY_FAILED");
        assert.doesNotMatch(JSON.stringify(error) + error.message, /wr0ng/);
        return true;
      });
    }),
  ),
);

test("a server that is not there, or that never answers, is an error in time", async () => {
  await assert.rejects(connectRedis("redis://127.0.0.1:1"), { code: "UNREACHABLE" });
  const silent = createServer((socket) => void socket.on("error", () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  await assert.rejects(connectRedis(`redis://:pw@127.0.0.1:${port}`, { timeoutMs: 200 }), { code: "UNREACHABLE" });
  silent.close();
});
