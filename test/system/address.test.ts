import assert from "node:assert/strict";
import { test } from "node:test";
import { hostAndPort, serverOf, withServer } from "../../src/system/address.ts";

for (const [url, server] of [
  ["postgres://h/d", "h:5432"],
  ["postgresql://U:p@H.example.org:6000", "h.example.org:6000"],
  ["postgres://[::1]:5433/d", "[::1]:5433"],
  ["postgres://[FD00:0:0::2]/d", "[fd00::2]:5432"],
  ["postgres:///d?host=/run/pg&port=5433", "/run/pg:5433"],
  ["postgres://h:1/d?host=other", "other:1"],
  ["postgres://u@/d?host=/run/pg", "/run/pg:5432"],
  ["postgres://u:p@%2Frun%2Fpg/d", "/run/pg:5432"],
  ["postgres://u@/d", "localhost:5432"],
  ["postgres://u:p/w@h/d", undefined],
  ["postgres://u:%zz@h/d", undefined],
] as const)
  test(`the server of ${url} is ${server}`, () => assert.equal(serverOf(url), server));

for (const [url, host, port, expected] of [
  ["postgres://u:p%40@a:1/d?sslmode=require", "10.0.0.2", 5432, "postgres://u:p%40@10.0.0.2:5432/d?sslmode=require"],
  ["postgres://u@a/d", "fe80::1", 5433, "postgres://u@[fe80::1]:5433/d"],
  ["postgres:///d?host=/run/pg&port=1", "h", 2, "postgres://h:2/d"],
  ["postgres://u@/d", "h", 2, "postgres://u@h:2/d"],
  ["postgres://a/d", "/run/pg", 5433, "postgres://a/d?host=%2Frun%2Fpg&port=5433"],
  ["postgres://u@%2Frun%2Fpg:1/d", "/run/pg", 5433, "postgres://u@localhost/d?host=%2Frun%2Fpg&port=5433"],
] as const)
  test(`${url} at ${host}:${port} is ${expected}`, () => {
    assert.equal(withServer(url, host, port), expected);
    assert.deepEqual(hostAndPort(withServer(url, host, port)), { host, port });
  });
