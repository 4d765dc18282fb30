import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { durationMs, durationText } from "../../src/system/duration.ts";
import { blackstartHome } from "../../src/system/home.ts";

for (const [environment, platform, home] of [
  [{ BLACKSTART_HOME: "/var/lib/b", HOME: "/home/u" }, "linux", "/var/lib/b"],
  [{ BLACKSTART_HOME: "here", HOME: "/home/u" }, "linux", resolve("here")],
  [{ HOME: "/home/u" }, "linux", "/home/u/.local/state/blackstart"],
  [{ HOME: "/home/u", XDG_STATE_HOME: "/state" }, "linux", "/state/blackstart"],
  [{ HOME: "/home/u", XDG_STATE_HOME: "not/absolute" }, "linux", "/home/u/.local/state/blackstart"],
  [{ HOME: "/Users/u" }, "darwin", "/Users/u/Library/Application Support/blackstart"],
] as const)
  test(`home of ${JSON.stringify(environment)} on ${platform}`, () =>
    assert.equal(blackstartHome(environment, platform), home));

test("durations are read as they are written", () => {
  for (const [text, ms] of [
    ["500ms", 500],
    ["1.5s", 1500],
    ["5 m", 300_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
    ["5", undefined],
    ["-1s", undefined],
    ["1y", undefined],
  ] as const)
    assert.equal(durationMs(text), ms);
  fc.assert(fc.property(fc.nat(), (ms) => durationMs(durationText(ms)) === ms));
});
