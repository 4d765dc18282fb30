import assert from "node:assert/strict";
import { test } from "node:test";
import { openPlans } from "../../../../src/cli/commands/plan/open.ts";

type Look = Parameters<typeof openPlans>[0];

const plan = (state: string, more: object = {}) =>
  ({
    id: "p1",
    state,
    startedAt: "2026-11-20T03:00:00.000Z",
    plan: { incident: "i1", subject: { kind: "cluster", name: "ledger" }, steps: [] },
    ...more,
  }) as unknown as Look["plans"][number];
const later = plan("done", { id: "p2", startedAt: "2026-11-20T04:00:00.000Z" });
const finding = (name: string, severity = "warning") =>
  ({ severity, subject: { kind: "node", name } }) as unknown as Look["findings"][number];
const incident = (status: string) => ({ id: "i1", status }) as unknown as Look["incidents"][number];
const wrong = [finding("ledger/pg3")];

const table: [string, Partial<Look>, readonly string[]][] = [
  ["it stopped, and something is wrong there", { plans: [plan("stopped")], findings: wrong }, ["p1"]],
  ["it stopped, and nothing is wrong any more", { plans: [plan("stopped")] }, []],
  ["only what is told for information", { plans: [plan("stopped")], findings: [finding("ledger", "info")] }, []],
  ["what is wrong is elsewhere", { plans: [plan("stopped")], findings: [finding("ledgers/pg1")] }, []],
  ["its incident is resolved", { plans: [plan("stopped")], findings: wrong, incidents: [incident("resolved")] }, []],
  ["its incident is open", { plans: [plan("stopped")], findings: wrong, incidents: [incident("open")] }, ["p1"]],
  ["another was carried out since", { plans: [plan("stopped"), later], findings: wrong }, []],
  ["it was undone", { plans: [plan("stopped", { undo: { state: "undone" } })], findings: wrong }, []],
  ["a proposal waits, whatever is wrong", { plans: [plan("proposed")] }, ["p1"]],
];

for (const [name, look, expected] of table)
  test(`open or not: ${name}`, () => {
    const open = openPlans({ plans: [], findings: [], incidents: [], ...look });
    assert.deepEqual(
      open.map(({ id }) => id),
      expected,
    );
  });
