import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { connect } from "../../../src/drivers/postgres/connection.ts";
import { reachabilityOf } from "../../../src/drivers/postgres/reachability.ts";
import { withLab } from "../../support/lab.ts";
import { noPostgres } from "../../support/postgres-versions.ts";

async function verdictOn(url: string, timeoutMs = 3000) {
  try {
    await (await connect(url, { timeoutMs, queryTimeoutMs: timeoutMs })).close();
    return undefined;
  } catch (error) {
    return reachabilityOf(error);
  }
}

test("a listener that breaks connections off proves no server dead", async () => {
  const server = createServer((socket) => socket.resetAndDestroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  assert.equal((await verdictOn(`postgres://x@127.0.0.1:${port}/x`))?.kind, "broken");
  await new Promise((resolve) => server.close(resolve));
  assert.equal((await verdictOn(`postgres://x@127.0.0.1:${port}/x`))?.kind, "closed");
});

test("a listener that never answers is silent", async () => {
  const server = createServer((socket) => void socket.resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  assert.equal((await verdictOn(`postgres://x@127.0.0.1:${port}/x`, 200))?.kind, "silent");
  await new Promise((resolve) => server.close(resolve));
});

test("a server that lives and lets us not in is refused, with its reason", { skip: noPostgres }, () =>
  withLab({ standbys: [] }, async (lab) => {
    const url = new URL(lab.node("pg1").url);
    url.pathname = "/nowhere";
    assert.deepEqual(await verdictOn(url.href), {
      kind: "refused",
      detail: 'database "nowhere" does not exist',
      sqlstate: "3D000",
    });
    url.searchParams.set("sslmode", "require");
    assert.equal((await verdictOn(url.href))?.kind, "refused");
  }),
);
