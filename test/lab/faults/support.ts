import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import type { Lab, LabOptions } from "../../../src/lab/lab.ts";
import { logFileOf } from "../../../src/lab/server-start.ts";
import { withLab } from "../../support/lab.ts";

/** One lab for all tests of a suite, each of which heals what it breaks. */
export function sharedLab(options: LabOptions): () => Lab {
  let lab: Lab | undefined;
  let release = () => {};
  let use: Promise<void> = Promise.resolve();
  before(async () => {
    const released = new Promise<void>((resolve) => (release = resolve));
    await new Promise<void>((made, failed) => {
      use = withLab(options, (standing) => {
        lab = standing;
        made();
        return released;
      });
      use.catch(failed);
    });
  });
  after(() => {
    release();
    return use;
  });
  return () => lab as Lab;
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await holds()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(held, "the state was not reached within 60 s");
}

export function logOf(lab: Lab, node: string): string {
  return readFileSync(logFileOf(lab.node(node).dataDirectory), "utf8");
}
