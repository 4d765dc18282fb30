import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../../src/base/time.ts";
import { startNodeWatch } from "../../../src/watch/node/node-watch.ts";
import { createPositionHistory } from "../../../src/watch/node/position-history.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { withLab } from "../../support/lab.ts";
import { eventually, signalAll } from "../watching.ts";

/** Leads to a port, and keeps what the clients say. */
async function listenIn(port: number, heard: (bytes: Buffer) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const behind = connect(port, "127.0.0.1");
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on("error", () => undefined /* the other end's matter */);
    }
    client.on("data", heard).pipe(behind).pipe(client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

test(
  "a hang in the middle of a health check is known by its silence, without another question",
  {
    skip: noPostgres,
  },
  () =>
    withLab({ standbys: [] }, async (lab) => {
      let heardSince: string | undefined;
      let heardUntilKnown: string | undefined;
      const proxy = await listenIn(lab.node("pg1").port, (bytes) => {
        const text = bytes.toString("latin1");
        if (heardSince !== undefined) heardSince += text;
        else if (text.includes("pg_sleep")) {
          // Before the server has the question.
          signalAll(lab, "pg1", "SIGSTOP");
          heardSince = "";
        }
      });
      const watch = startNodeWatch({
        cluster: "ledger",
        node: "pg1",
        url: `postgres://blackstart@127.0.0.1:${proxy.port}/postgres`,
        heartbeatMs: 1000,
        clock: systemClock,
        positions: createPositionHistory(),
        errand: () => ({ check: "slow", query: "select pg_sleep(0.3)" }),
        changed(facts) {
          if (facts.condition.kind === "hanging") heardUntilKnown ??= heardSince;
        },
      });
      try {
        await eventually(() => assert.notEqual(heardUntilKnown, undefined, "the hang is not known"));
        // A bare connect, to see whether the machine answers, says nothing.
        assert.equal(heardUntilKnown, "");
      } finally {
        signalAll(lab, "pg1", "SIGCONT");
        await watch.close();
        proxy.close();
      }
    }),
);
