import assert from "node:assert/strict";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { createResponder } from "../../src/respond/responder.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { finding, raised, system } from "../respond/world.ts";
import { withApi } from "./api.ts";

const down = finding("node.down", "node:ledger/pg1");

type Reader = { text(): string; ids(): number[]; response: IncomingMessage; asked: ClientRequest };

function follow(port: number, path = "/api/stream", headers: Record<string, string> = {}): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => {
        text += part;
      });
      response.on("error", () => undefined);
      const ids = () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
      resolve({ text: () => text, ids, response, asked });
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function until(reached: () => boolean): Promise<void> {
  const answer = await pollUntil(async () => (reached() ? true : undefined), { everyMs: 5, timeoutMs: 60_000 });
  assert.ok(answer, "it was not reached within 10 s");
}

async function notes(timeline: Timeline, count: number, text = "x"): Promise<void> {
  const note = { kind: "incident.noted", by: "person:ada", data: { text } };
  for (let index = 0; index < count; index += 1) await timeline.append("incident/x", "any", [note]);
}

describe("the live stream", () => {
  it("tells what happens from now on, each event once, with its position as id", () =>
    withApi(async ({ port, timeline }) => {
      await notes(timeline, 3);
      const reader = await follow(port);
      assert.match(reader.response.headers["content-type"] ?? "", /^text\/event-stream/);
      await createResponder({ system, timeline }).take(raised(down));
      await until(() => reader.ids().length >= 2);
      assert.deepEqual(reader.ids(), [4, 5]);
      assert.match(reader.text(), /^event: incident\.opened$/m);
      reader.asked.destroy();
    }));

  it("goes on where a reader stopped: by Last-Event-ID, which beats ?after=", () =>
    withApi(async ({ port, timeline }) => {
      await notes(timeline, 6);
      const resumed = await follow(port, "/api/stream?after=1", { "last-event-id": "4" });
      await until(() => resumed.ids().length === 2);
      assert.deepEqual(resumed.ids(), [5, 6]);
      const beginning = await follow(port, "/api/stream?after=0");
      await until(() => beginning.ids().length === 6);
      for (const { asked } of [resumed, beginning]) asked.destroy();
    }));

  it("refuses a position that does not exist, with the reason", () =>
    withApi(async ({ ask }) => {
      const answer = await ask("GET", "/api/stream?after=99");
      assert.equal(answer.status, 400);
      assert.equal(answer.json.code, "USAGE");
      assert.equal((await ask("GET", "/api/stream", { headers: { "last-event-id": "x" } })).status, 400);
    }));

  it("sends comments to show that it lives", () =>
    withApi(
      async ({ port }) => {
        const reader = await follow(port);
        await until(() => (reader.text().match(/^: still here$/gm) ?? []).length >= 2);
        reader.asked.destroy();
      },
      { stream: { keepAliveMs: 5 } },
    ));

  it("cuts a reader who takes nothing, tells it why, and reads no further for it", () =>
    withApi(
      async ({ port, timeline, ask }) => {
        let read = 0;
        const subscribe = timeline.subscribe.bind(timeline);
        timeline.subscribe = async function* (after, signal) {
          for await (const event of subscribe(after, signal)) {
            read += 1;
            yield event;
          }
        };
        await notes(timeline, 300, "x".repeat(100_000));
        const socket = connect({ host: "127.0.0.1", port });
        let received = "";
        socket.setEncoding("utf8");
        socket.on("data", (part) => {
          received += part;
        });
        socket.on("error", () => undefined);
        socket.write(`GET /api/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
        await until(() => received.includes("200 OK"));
        socket.pause();
        const readers = async () =>
          Number(/^blackstart_stream_readers (\d+)$/m.exec((await ask("GET", "/metrics")).text)?.[1]);
        assert.ok(
          await pollUntil(async () => ((await readers()) === 0 ? true : undefined), { everyMs: 20, timeoutMs: 60_000 }),
        );
        assert.ok(read < 300, `${read} events were read for one who takes none`);
        socket.resume();
        await until(() => received.includes("event: slow") || socket.destroyed);
        assert.match(received, /event: slow\r?\ndata: .*You have taken nothing for too long/);
        const complete = [...received.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
        assert.deepEqual(
          complete,
          complete.map((_, index) => index + 1),
          "what it got has no gap",
        );
        socket.destroy();
      },
      { stream: { slowReaderMs: 200 } },
    ));

  it("lets go of the timeline when a reader goes", () =>
    withApi(async ({ port, ask }) => {
      const reader = await follow(port);
      const readers = async () => /^blackstart_stream_readers (\d+)$/m.exec((await ask("GET", "/metrics")).text)?.[1];
      assert.equal(await readers(), "1");
      reader.asked.destroy();
      assert.ok(
        await pollUntil(async () => ((await readers()) === "0" ? true : undefined), { everyMs: 5, timeoutMs: 60_000 }),
      );
    }));

  it("says good-bye when Blackstart ends", async () => {
    let reader: Reader | undefined;
    await withApi(async ({ port }) => {
      reader = await follow(port);
      await until(() => reader?.text().includes(": after") === true);
    });
    await until(() => reader?.text().includes("event: closing") === true);
  });

  it("takes no more readers than it can serve", () =>
    withApi(async ({ port }) => {
      const readers = await Promise.all(Array.from({ length: 65 }, () => follow(port)));
      const refused = readers.filter(({ response }) => response.statusCode === 503);
      assert.equal(refused.length, 1);
      for (const { asked } of readers) asked.destroy();
    }));
});
