import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LeftBehind } from "../../src/mitigate/left-behind.ts";
import { planCleanUp } from "../../src/mitigate/planners/clean-up.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { system } from "./fixtures.ts";

const mebibyte = 1024 ** 2;
const left = (count: number, copies: number): LeftBehind => ({
  node: "pg1",
  addresses: [],
  problem: "no answer",
  copies: Array.from({ length: copies }, (_, at) => ({ path: `/data.kept-${at}`, bytes: mebibyte })),
  memory: Array.from({ length: count }, (_, at) => ({
    kind: "file" as const,
    name: `/dev/shm/PostgreSQL.${at}`,
    bytes: mebibyte,
  })),
});

test("hundreds of files that stay are counted and summed up, in a refusal and in a plan; --json has them all", () =>
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.boolean(), (files, copies, withSegment) => {
      const found = left(files, copies);
      const segment = { kind: "segment" as const, name: "7", bytes: mebibyte };
      const nodes = [{ ...found, memory: [...(found.memory ?? []), ...(withSegment ? [segment] : [])] }];
      const answer = planCleanUp(system(), "ledger", nodes, { copies: [] });
      const text = isRefusal(answer) ? answer.provide : answer.risk.statements.join("\n");
      assert.ok(text.length < 1000, text);
      assert.equal((answer.staying ?? []).length, files + copies);
      if (files > 3) assert.match(text, new RegExp(`\\b${files} files, `));
      if (copies > 3) assert.match(text, new RegExp(`\\b${copies} copies, `));
      for (const name of files <= 3 ? (found.memory ?? []) : []) assert.ok(text.includes(name.name));
    }),
  ));

test("a wrong --copy is answered with a handful of the right ones", () => {
  const answer = planCleanUp(system(), "ledger", [left(0, 400)], { copies: ["/wrong"] });
  assert.ok(isRefusal(answer));
  assert.match(answer.provide, /kept-0 .* and 397 more/);
});
