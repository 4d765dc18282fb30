import assert from "node:assert/strict";
import { test } from "node:test";
import { asToldBefore } from "../../../src/cli/commands/status/look.ts";
import type { Finding } from "../../../src/finding/finding.ts";
import type { IncidentState } from "../../../src/timeline/incident-fold.ts";

const finding = (code: string, name: string, severity: string, title: string): Finding =>
  ({ code, severity, subject: { kind: "node", name }, title, evidence: [] }) as unknown as Finding;

test("one look beside the watch uses the words of the watch for what both see, and adds only what one look is too short for", () => {
  const seen = [
    finding("node.down", "ledger/pg1", "warning", "pg1 is down."),
    finding("node.down", "ledger/pg2", "warning", "pg2 is down."),
  ];
  const told = [
    finding("node.down", "ledger/pg1", "critical", "pg1, the primary, is down."),
    finding("node.slow", "ledger/pg3", "warning", "pg3 is slow."),
  ];
  const incident = (status: string) => ({ status, open: told }) as unknown as IncidentState;
  assert.deepEqual(asToldBefore(seen, [incident("open")]), [told[0], seen[1]]);
  assert.deepEqual(asToldBefore(seen, [incident("resolved")]), seen);
  assert.deepEqual(asToldBefore(seen, []), seen);
  const lasting = { ...told[0], code: "replication.not-streaming" } as Finding;
  const following = { ...incident("open"), open: [lasting] } as IncidentState;
  assert.deepEqual(asToldBefore(seen, [following]), [...seen, lasting], "one look is too short to see it");
});
