import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { columnsOf, cut, wrapped } from "../../../src/cli/output/layout.ts";
import { ageText, bytesText, durationText } from "../../../src/cli/output/quantities.ts";
import { createStyle, wantsColour } from "../../../src/cli/output/style.ts";
import { renderTable } from "../../../src/cli/output/table.ts";

test("wrapping keeps every word, in order, and no line is wider than it may be", () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(words, fc.integer({ min: 20, max: 60 }), (list, width) => {
      const lines = wrapped(list.join(" "), width, "  · ");
      assert.ok(lines.every((line) => columnsOf(line) <= width));
      assert.deepEqual(lines.join(" ").trim().split(/ +/).slice(1), list);
    }),
  );
});

test("a word that is longer than the line stays whole", () => {
  assert.deepEqual(wrapped("see /a/very/long/path now", 10), ["see", "/a/very/long/path", "now"]);
});

test("colours do not count, and are not there without a terminal", () => {
  const { red, bold } = createStyle(true);
  assert.equal(columnsOf(red(bold("down"))), 4);
  assert.equal(createStyle(false).red("down"), "down");
  assert.equal(wantsColour(true, { TERM: "xterm" }), true);
  for (const [isTerminal, environment] of [
    [false, {}],
    [true, { NO_COLOR: "1" }],
    [true, { TERM: "dumb" }],
  ] as const) {
    assert.equal(wantsColour(isTerminal, environment), false);
  }
});

test("a table's last column is cut, the names before it are not", () => {
  const lines = renderTable([["a-long-name", "up", "a remark that does not fit any more"]], { width: 40 });
  assert.deepEqual(lines, ["a-long-name  up  a remark that does not…"]);
  assert.equal(cut("abc", 3), "abc");
});

test("durations, ages and sizes read as one says them", () => {
  const durations: [number, string][] = [
    [0, "0 ms"],
    [999, "999 ms"],
    [1000, "1.0 s"],
    [9949, "9.9 s"],
    [42_300, "42 s"],
    [60_000, "1 m"],
    [192_000, "3 m 12 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 m"],
    [90_000_000, "1 d 1 h"],
  ];
  for (const [ms, text] of durations) assert.equal(durationText(ms), text);
  assert.equal(ageText("2026-11-20T03:00:00.000Z", "2026-11-20T03:07:12.000Z"), "7 m 12 s");
  assert.deepEqual([0, 512, 1536, 16 * 1024 ** 2].map(bytesText), ["0 B", "512 B", "1.5 kB", "16.0 MB"]);
});
