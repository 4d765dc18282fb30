import assert from "node:assert/strict";
import { test } from "node:test";
import { renderIncidentLine } from "../../../src/cli/output/render-incident.ts";
import { createStyle } from "../../../src/cli/output/style.ts";
import type { IncidentState } from "../../../src/timeline/incident-fold.ts";

test("an incident that came back is open since it came back", () => {
  const at = (minute: number) => `2026-11-20T03:${String(minute).padStart(2, "0")}:00.000Z`;
  const incident = {
    id: "i1",
    title: "pg1 is down.",
    severity: "critical",
    status: "open",
    people: [],
    times: { outageStart: at(0), noticedAt: at(0) },
    outages: [
      { from: at(0), to: at(1) },
      { from: at(8), to: null },
    ],
  } as unknown as IncidentState;
  const [line] = renderIncidentLine(incident, at(11), createStyle(false), { width: 100 });
  assert.match(line ?? "", /open for 3 m/);
});
