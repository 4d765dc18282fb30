import assert from "node:assert/strict";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { socketAddressOf } from "../../../src/drivers/service/address.ts";
import { readCounts, sumOf } from "../../../src/drivers/service/counters.ts";
import { greetingProbe } from "../../../src/drivers/service/greeting.ts";
import { httpProbe } from "../../../src/drivers/service/http.ts";
import type { ProbeResult } from "../../../src/drivers/service/probe.ts";
import { redisProbe } from "../../../src/drivers/service/redis.ts";
import { tcpProbe } from "../../../src/drivers/service/tcp.ts";

async function withServer<T>(server: Server, use: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const withHttp = <T>(listener: RequestListener, use: (url: string) => Promise<T>) =>
  withServer(createHttpServer(listener), (port) => use(`http://127.0.0.1:${port}`));
const outcome = (result: ProbeResult) => `${result.outcome}: ${result.detail}`;
const nobody = () => withServer(createServer(), async (port) => port);

test("http: 2xx is good, anything else is not", async () => {
  for (const [status, expected] of [
    [200, "good"],
    [204, "good"],
    [404, "bad"],
    [503, "bad"],
  ] as const)
    await withHttp(
      (_request, response) => response.writeHead(status).end("x"),
      async (url) =>
        assert.equal(outcome(await httpProbe(url)(2000)), `${expected}: It answers with status ${status}.`),
    );
});

test("http: redirects are followed, but not in a circle", async () => {
  const listener: RequestListener = ({ url }, response) =>
    url === "/here"
      ? response.writeHead(200).end()
      : response.writeHead(302, { location: url === "/" ? "/here" : "/round" }).end();
  await withHttp(listener, async (url) => {
    assert.equal((await httpProbe(`${url}/`)(2000)).outcome, "good");
    assert.equal(outcome(await httpProbe(`${url}/round`)(2000)), "bad: It redirects more than 5 times.");
  });
});

test("http: one that never answers is bad when the time is over; so is one that is not there", async () => {
  await withHttp(
    () => undefined,
    async (url) => assert.equal(outcome(await httpProbe(url)(50)), "bad: It did not answer within 50 ms."),
  );
  assert.match(outcome(await httpProbe(`http://127.0.0.1:${await nobody()}`)(2000)), /^bad: Nothing listens there/);
});

test("tcp: good when something takes the connection", async () => {
  await withServer(createServer(), async (port) =>
    assert.equal((await tcpProbe({ host: "127.0.0.1", port })(2000)).outcome, "good"),
  );
  assert.equal((await tcpProbe({ host: "127.0.0.1", port: await nobody() })(2000)).outcome, "bad");
});

test("greeting: takes the connection but does not answer is bad", async () => {
  const mute = createServer((socket) => socket.on("data", () => undefined));
  await withServer(mute, async (port) =>
    assert.equal(
      outcome(await greetingProbe({ host: "127.0.0.1", port })(50)),
      "bad: It took the connection but did not answer for 50 ms.",
    ),
  );
  const polite = createServer((socket) => socket.on("data", () => socket.write("N")));
  await withServer(polite, async (port) =>
    assert.equal((await greetingProbe({ host: "127.0.0.1", port })(2000)).outcome, "good"),
  );
});

test("redis: PONG is good, a wrong password is refused, loading is bad, and the password is shown nowhere", async () => {
  const table = [
    ["+OK\r\n+PONG\r\n", "good"],
    ["-WRONGPASS invalid username-password pair\r\n-NOAUTH Authentication required.\r\n", "refused"],
    ["+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", "bad"],
  ] as const;
  for (const [reply, expected] of table) {
    let heard = "";
    const server = createServer((socket) =>
      socket.on("data", (chunk) => {
        heard += chunk;
        if (heard.includes("PING")) socket.write(reply);
      }),
    );
    await withServer(server, async (port) => {
      const result = await redisProbe(`redis://:s%20cret@127.0.0.1:${port}/3`)(2000);
      assert.equal(result.outcome, expected, result.detail);
      assert.ok(!result.detail.includes("s cret"));
      assert.equal(heard, "*2\r\n$4\r\nAUTH\r\n$6\r\ns cret\r\n*1\r\n$4\r\nPING\r\n");
    });
  }
});

test("counters: series of one name are added up, labels choose", () => {
  const text = `# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="get",code="200"} 10
http_requests_total{method="post",code="200"} 5 1700000000000
http_requests_total{method="post",code="500"} 2
http_requests_total_other 99
plain 1.5e3
odd{text="a \\"} b 7"} 3
`;
  assert.equal(sumOf(text, "http_requests_total"), 17);
  assert.equal(sumOf(text, 'http_requests_total{code="500"}'), 2);
  assert.equal(sumOf(text, "plain"), 1500);
  assert.equal(sumOf(text, "odd"), 3);
  assert.equal(sumOf(text, "missing"), undefined);
});

test("counters: read from a service; a failure counter that is not there yet is 0; no answer is no counts", async () => {
  await withHttp(
    (_request, response) => response.end("requests 12\n"),
    async (url) => {
      assert.deepEqual(await readCounts({ url, requests: "requests", failed: "failed" }, 2000), {
        requests: 12,
        failed: 0,
      });
      assert.equal(await readCounts({ url, requests: "other", failed: "failed" }, 2000), undefined);
    },
  );
  const url = `http://127.0.0.1:${await nobody()}`;
  assert.equal(await readCounts({ url, requests: "requests", failed: "failed" }, 2000), undefined);
});

test("addresses: ports by default, IPv6, Unix sockets", () => {
  assert.deepEqual(socketAddressOf("postgres://u:p@db/ledger"), { host: "db", port: 5432 });
  assert.deepEqual(socketAddressOf("postgres://u@[::1]:6432/ledger"), { host: "::1", port: 6432 });
  assert.deepEqual(socketAddressOf("postgres://u@/ledger?host=/run/postgresql"), {
    path: "/run/postgresql/.s.PGSQL.5432",
  });
  assert.deepEqual(socketAddressOf("tcp://10.0.0.1:25"), { host: "10.0.0.1", port: 25 });
});
