import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { draftPostmortem } from "../../src/learn/postmortem.ts";
import { readStory } from "../../src/learn/story.ts";
import { durationText, instantText, times } from "../../src/learn/times.ts";
import { findIncident } from "../../src/timeline/incident-state.ts";
import { memoryTimeline } from "../respond/memory-timeline.ts";
import { at, finding } from "../respond/world.ts";
import { storyLength, storyTimeline } from "./story.ts";

const snapshot = new URL("./postmortem.snapshot.md", import.meta.url);
const instantPattern = /\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}Z?/g;
const durationPattern = /\b\d+ d \d+ h\b|\b\d+ h \d+ min\b|\b\d+ min \d+ s\b|\b\d+(?:\.\d+)? (?:ms|s)\b/g;

describe("the draft of a postmortem", () => {
  it("reads as it is kept beside this test (BLACKSTART_UPDATE=1 writes it anew)", async () => {
    const text = await draftPostmortem(await storyTimeline(), "latest");
    if (process.env.BLACKSTART_UPDATE === "1") await writeFile(snapshot, text);
    assert.equal(text, await readFile(snapshot, "utf8"));
  });

  it("is the same to the letter each time", async () => {
    const timeline = await storyTimeline();
    assert.equal(await draftPostmortem(timeline, "latest"), await draftPostmortem(timeline, "latest"));
  });

  it("can be written at any moment of an incident, and holds nothing that the timeline does not show", async () => {
    for (let count = 1; count <= storyLength; count += 1) {
      const timeline = await storyTimeline(count);
      const { events } = await readStory(timeline, "latest");
      assertShown(await draftPostmortem(timeline, "latest"), events);
    }
  });

  it("finds what was made up: this test can fail", async () => {
    const timeline = await storyTimeline();
    const { events } = await readStory(timeline, "latest");
    const text = await draftPostmortem(timeline, "latest");
    for (const invented of [`It began at ${instantText(at(7))}.`, "It took 77 s.", "777 rows were lost."])
      assert.throws(() => assertShown(`${text}${invented}`, events), assert.AssertionError, invented);
  });

  it("lets nothing that a person wrote become markup, and no password through", async () => {
    const text = await draftPostmortem(await storyTimeline(), "latest");
    assert.doesNotMatch(text, /(?<!\\)<script|(?<!\\)\]\(|http:\/\/|hunter2|^# not a heading/m);
    assert.match(text, /\\<script\\>/);
    const rows = text.split("\n").filter((line) => line.startsWith("| 2026"));
    assert.ok(rows.length > 10);
    for (const row of rows) assert.equal(row.replaceAll("\\|", "").split("|").length, 5, row);
  });

  it("says “not measured” where nothing was, and never a figure in its place", async () => {
    const text = await draftPostmortem(await storyTimeline(1), "latest");
    assert.match(text, /\| Impact \| not measured \|/);
    assert.match(text, /\| Duration \| not over \(since [\d: .-]+ UTC\) \|/);
    assert.match(text, /Nobody has acknowledged it\./);
    assert.match(text, /No hypothesis was recorded\./);
    assert.match(text, /No plan was made\./);
    assert.match(text, /Nothing is recorded: neither what was in flight/);
  });

  it("does not say of a service that it was down where only warnings were found", async () => {
    const timeline = memoryTimeline();
    const standby = finding("node.down", "node:ledger/pg3", { severity: "warning", lastGoodAt: at(1) });
    const told = [
      {
        kind: "incident.opened",
        data: {
          title: standby.title,
          severity: "warning",
          subject: { kind: "cluster", name: "ledger" },
          findings: [standby],
          outageStart: at(1),
        },
      },
      { kind: "incident.finding-cleared", data: { code: standby.code, subject: standby.subject } },
      { kind: "incident.mitigated", data: { how: "by itself" } },
      { kind: "incident.recurred", data: { findings: [standby] } },
      { kind: "incident.mitigated", data: { how: "by itself" } },
    ];
    await timeline.append(
      "incident/20261120-0307-ledger",
      0,
      told.map((event, second) => ({ ...event, by: "watch", at: at(second + 2) })) as never,
    );
    const text = await draftPostmortem(timeline, "latest");
    assert.doesNotMatch(text, /the service (worked|was down)/i);
    assert.match(text, /The cluster ledger worked again at/);
    assert.match(text, /It came back: it was wrong 2 times/);
  });

  it("says where we were lucky: the asynchronous standby was ahead", async () => {
    const timeline = await storyTimeline();
    const subject = { kind: "cluster", name: "ledger" };
    const needs = { of: ["pg2"], missingMax: 0 };
    const elect = { id: "elect", kind: "postgres.elect", title: "Take the furthest", parameters: { needs } };
    const risk = { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 1, statements: [] };
    const incident = "20261120-0307-ledger";
    const plan = {
      id: "f-2",
      kind: "failover",
      subject,
      incident,
      because: [],
      risk,
      steps: [elect],
      createdAt: at(0),
    };
    const done = { step: "elect", already: false, tookMs: 4, outcome: { node: "pg3", behind: { pg2: 4321 } } };
    await timeline.append("plan/f-2", 0, [
      { kind: "plan.stored", by: "auto", data: { plan } },
      { kind: "step.done", by: "executor", data: done },
    ]);
    const text = await draftPostmortem(timeline, "latest");
    assert.match(text, /the asynchronous standby pg3 was 4321 bytes ahead of pg2\./);
  });

  it("leaves out other incidents and their plans", async () => {
    const timeline = await storyTimeline();
    const other = { id: "restart-x", kind: "restart", incident: "another", because: [], steps: [] };
    await timeline.append("plan/restart-x", 0, [{ kind: "plan.stored", by: "auto", data: { plan: other } }]);
    assert.doesNotMatch(await draftPostmortem(timeline, "latest"), /restart-x/);
  });

  it("folds a run of the same, keeping the first and the last", async () => {
    const timeline = await storyTimeline();
    const notes = Array.from({ length: 40 }, (_, index) => ({
      kind: "incident.noted",
      by: "person:ada",
      at: at(1000 + index),
      data: { text: `turn ${"i".repeat(index + 1)}.` },
    }));
    await timeline.append("incident/20261120-0307-ledger", "any", notes);
    const text = await draftPostmortem(timeline, "latest");
    assert.match(text, /Note: turn i\./);
    assert.match(text, /38 more such events/);
    assert.ok(text.includes(`Note: turn ${"i".repeat(40)}.`));
  });

  it("asks for an incident that exists", async () => {
    await assert.rejects(draftPostmortem(memoryTimeline(), "latest"), { code: "UNKNOWN_NAME" });
  });
});

describe("how long everything took", () => {
  it("is counted from the instants in the timeline", async () => {
    assert.deepEqual(times(await findIncident(await storyTimeline(), "latest")), {
      detectMs: 12,
      acknowledgeMs: 7655,
      mitigateMs: 38_017,
      recoverMs: 67_667,
      outageMs: 38_017,
    });
  });

  it("is null while it has not happened", async () => {
    const took = times(await findIncident(await storyTimeline(1), "latest"));
    assert.deepEqual(took, { detectMs: 12, acknowledgeMs: null, mitigateMs: null, recoverMs: null, outageMs: null });
  });

  it("is told in units that people read", () => {
    const told = [0, 999, 1000, 59_999, 60_000, 843_000, 7_500_000, 97_200_000].map(durationText);
    assert.deepEqual(told, ["0 ms", "999 ms", "1 s", "59.999 s", "1 min 0 s", "14 min 3 s", "2 h 5 min", "1 d 3 h"]);
  });
});

/** Each instant of the text is in the events, each duration lies between two of them, each other figure is in them. */
function assertShown(text: string, events: readonly object[]): void {
  const json = JSON.stringify(events);
  const instants = [...new Set(json.match(instantPattern) ?? [])];
  const shown = new Set(instants.map(instantText));
  for (const instant of text.match(instantPattern) ?? []) assert.ok(shown.has(instant), `${instant} is in no event`);
  const durations = new Set(
    instants.flatMap((from) => instants.map((to) => durationText(Math.abs(Date.parse(to) - Date.parse(from))))),
  );
  for (const took of json.match(/"tookMs":[\d.]+/g) ?? [])
    durations.add(durationText(Math.round(Number(took.slice(9)))));
  const withoutInstants = text.replace(instantPattern, "");
  for (const duration of withoutInstants.match(durationPattern) ?? [])
    assert.ok(durations.has(duration), `${duration} lies between no two instants`);
  const figures = new Set(json.match(/\d+/g));
  for (const event of events as { version: number }[]) figures.add(String(event.version));
  for (const figure of withoutInstants.replace(durationPattern, "").match(/\d+/g) ?? [])
    assert.ok(figures.has(figure), `${figure} is in no event`);
}
