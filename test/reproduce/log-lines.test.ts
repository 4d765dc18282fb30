import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readingOn } from "../../src/reproduce/trial/log-lines.ts";
import { withFolder } from "../support/folder.ts";

test("a log is read on from where it was, an unfinished line again, and anew where it was made anew", () =>
  withFolder(async (folder) => {
    const file = join(folder, "log");
    const more = readingOn(file);
    assert.equal(more(), "", "it is not there yet");
    writeFileSync(file, "one\ntw");
    assert.equal(more(), "one\ntw");
    appendFileSync(file, "o\nthr");
    assert.equal(more(), "two\nthr");
    // The first byte of an ä, which has two.
    appendFileSync(file, Buffer.from([0xc3]));
    more();
    appendFileSync(file, Buffer.from([0xa4, 10]));
    assert.equal(more(), "thrä\n");
    assert.equal(more(), "");
    writeFileSync(file, "new\n");
    assert.equal(more(), "new\n");
  }));
