import assert from "node:assert/strict";
import { test } from "node:test";
import { BlackstartError } from "../../../src/base/error.ts";
import { conditionAfter } from "../../../src/watch/node/attach.ts";
import { conditionOf } from "../../../src/watch/node/classify.ts";

/** An error as the driver throws it when it cannot connect. */
function failed(why: string, details: Readonly<Record<string, string | number>>): BlackstartError {
  return new BlackstartError("UNREACHABLE", { what: "No answer", why, next: "Look at it.", details });
}

const cases = [
  ["nothing listens", failed("connect ECONNREFUSED", { errno: "ECONNREFUSED" }), "down"],
  ["a Unix socket that is not there", failed("connect ENOENT", { errno: "ENOENT" }), "down"],
  ["a connection that is broken off", failed("read ECONNRESET", { errno: "ECONNRESET" }), "down"],
  ["one that the server ends without a word", new Error("Connection terminated unexpectedly"), "down"],
  ["no route to its machine", failed("EHOSTUNREACH", { errno: "EHOSTUNREACH" }), "unreachable"],
  ["a name that nobody knows", failed("getaddrinfo ENOTFOUND", { errno: "ENOTFOUND" }), "unreachable"],
  ["no answer in time", failed("timed out", { timeoutMs: 1000 }), "silent"],
  ["no answer in the kernel's time", failed("connect ETIMEDOUT", { errno: "ETIMEDOUT" }), "silent"],
  ["the driver's own time-out", new Error("timeout expired"), "silent"],
  ["still starting", failed("the database system is starting up", { sqlstate: "57P03" }), "starting"],
  ["shutting down", failed("terminating connection", { sqlstate: "57P01" }), "starting"],
  ["too many connections", failed("sorry, too many clients already", { sqlstate: "53300" }), "refused"],
  ["a wrong password", failed("password authentication failed", { sqlstate: "28P01" }), "refused"],
] as const;

for (const [title, error, kind] of cases) {
  test(`a failed attempt to connect: ${title} is ${kind}`, () => assert.equal(conditionOf(error).kind, kind));
}

test("what the server said before it went is kept with what is seen now", () => {
  const goodbye = "terminating connection due to unexpected postmaster exit (57P01)";
  const condition = conditionOf(failed("connect ECONNREFUSED", { errno: "ECONNREFUSED" }), goodbye);
  assert.equal(condition.kind === "down" ? condition.goodbye : undefined, goodbye);
});

for (const [what, before, next, expected] of [
  ["a hung server whose queue is full", "hanging", { isSilent: true }, "hanging"],
  ["a hung server whose machine is not found any more", "hanging", {}, "unreachable"],
  ["one that was up", "up", { isSilent: true }, "unreachable"],
] as const)
  test(`no connection comes about: ${what}`, () => {
    const held = before === "up" ? { kind: before } : { kind: before, silentForMs: 1000 };
    const seen = conditionAfter(held, { kind: "unreachable", detail: "", ...next });
    assert.equal(seen.kind, expected);
    assert.equal(seen.kind === "hanging" && seen.isFull, expected === "hanging");
  });
