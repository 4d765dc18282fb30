import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BlackstartError } from "../../src/base/error.ts";
import { acknowledgeIncident } from "../../src/respond/actions/acknowledge.ts";
import { assignRole } from "../../src/respond/actions/assign.ts";
import type { ActionContext } from "../../src/respond/actions/change-incident.ts";
import { declareRecovered } from "../../src/respond/actions/declare-recovered.ts";
import {
  confirmHypothesis,
  contradictHypothesis,
  ruleOutHypothesis,
  supportHypothesis,
} from "../../src/respond/actions/hypothesis.ts";
import { noteOnIncident } from "../../src/respond/actions/note.ts";
import { openIncident } from "../../src/respond/actions/open.ts";
import { raiseHypothesis } from "../../src/respond/actions/raise-hypothesis.ts";
import { resolveIncident } from "../../src/respond/actions/resolve.ts";
import { setSeverity } from "../../src/respond/actions/set-severity.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { findIncident } from "../../src/timeline/incident-state.ts";
import { memoryTimeline } from "./memory-timeline.ts";
import { at, cleared, finding, raised, system } from "./world.ts";

const clock = { now: () => at(0), monotonicMs: () => 0 };
const down = finding("node.down", "node:ledger/pg1");
const asked = { title: "Slow", subject: { kind: "cluster", name: "ledger" }, severity: "warning" } as const;

function persons(timeline = memoryTimeline()) {
  const as = (name: string): ActionContext => ({ timeline, by: `person:${name}` });
  return { timeline, ada: as("ada"), bob: as("bob") };
}

async function opened() {
  const { ada, ...rest } = persons();
  const { id } = await openIncident(ada, asked, clock);
  return { ...rest, ada, id };
}

describe("what people do to an incident", () => {
  it("open: by hand, with an id that says when and what", async () => {
    const { id, timeline } = await opened();
    assert.equal(id, "20261120-0307-ledger");
    assert.deepEqual(
      timeline.events.map(({ by, kind }) => [by, kind]),
      [["person:ada", "incident.opened"]],
    );
  });

  it("open: not twice about one thing, also if a node of it is named; about another it is", async () => {
    const { ada, id } = await opened();
    await assert.rejects(
      openIncident(ada, { ...asked, subject: { kind: "node", name: "ledger/pg1" } }, clock),
      (error: BlackstartError) => error.code === "NOT_POSSIBLE_NOW" && error.details.incident === id,
    );
    await openIncident(ada, { ...asked, subject: { kind: "cluster", name: "archive" } }, clock);
    await resolveIncident(ada, id, { resolution: "gone" });
    assert.equal((await openIncident(ada, asked, clock)).id, `${id}-2`);
  });

  it("open: two at once about one thing become one", async () => {
    const { ada, bob, timeline } = persons();
    const results = await Promise.allSettled([openIncident(ada, asked, clock), openIncident(bob, asked, clock)]);
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    assert.equal(timeline.events.length, 1);
  });

  it("acknowledge: once; again by the same person is nothing, by another is refused with who has it", async () => {
    const { ada, bob, id, timeline } = await opened();
    await acknowledgeIncident(ada, id);
    await acknowledgeIncident(ada, id);
    assert.equal(timeline.events.length, 2);
    await assert.rejects(acknowledgeIncident(bob, id), (error: BlackstartError) => {
      assert.equal(error.code, "NOT_POSSIBLE_NOW");
      assert.match(error.message, /ada has incident/);
      return true;
    });
    await assignRole(ada, id, { who: "bob", role: "responder" });
    await acknowledgeIncident(bob, id);
    assert.equal(timeline.events.length, 3);
  });

  it("acknowledge: of two at once, one has it", async () => {
    const { ada, bob, id, timeline } = await opened();
    const results = await Promise.allSettled([acknowledgeIncident(ada, id), acknowledgeIncident(bob, id)]);
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    assert.equal(timeline.events.filter(({ kind }) => kind === "incident.acknowledged").length, 1);
  });

  it("acknowledge: not what is resolved", async () => {
    const { ada, bob, id } = await opened();
    await resolveIncident(ada, id, { resolution: "gone" });
    await assert.rejects(acknowledgeIncident(bob, id), { code: "NOT_POSSIBLE_NOW" });
  });

  it("note: cleaned of what would steer a terminal, refused when nothing is left", async () => {
    const { ada, id } = await opened();
    const state = await noteOnIncident(ada, id, "\x1b[31mred\x1b[0m\nsecond\u202e line\u0007 ");
    assert.equal(state.notes[0]?.text, "red\nsecond line");
    await assert.rejects(noteOnIncident(ada, id, " \x1b[0m\n"), { code: "USAGE" });
    await assert.rejects(noteOnIncident(ada, id, "x".repeat(10_001)), { code: "USAGE" });
    await resolveIncident(ada, id, { resolution: "gone" });
    assert.equal((await noteOnIncident(ada, id, "afterwards")).notes.length, 2);
  });

  it("note: kept without the passwords that were pasted with it", async () => {
    const { ada, id, timeline } = await opened();
    await noteOnIncident(ada, id, "psql postgres://u:hunter2/x@h/d says: password=hunter2, PGPASSWORD: hunter2");
    assert.doesNotMatch(JSON.stringify(timeline.events), /hunter2/);
    assert.match(JSON.stringify(timeline.events.at(-1)), /psql postgres:\/\/u@h\/d says/);
  });

  it("assign: a role, once", async () => {
    const { ada, id, timeline } = await opened();
    await assignRole(ada, id, { who: "bob", role: "commander" });
    const state = await assignRole(ada, id, { who: " bob\n", role: "commander" });
    assert.deepEqual(state.people[0]?.roles, ["commander"]);
    assert.equal(timeline.events.length, 2);
  });

  it("severity: with a reason; the same again is nothing", async () => {
    const { ada, id, timeline } = await opened();
    assert.equal((await setSeverity(ada, id, { severity: "critical", reason: "all customers" })).severity, "critical");
    await setSeverity(ada, id, { severity: "critical", reason: "all customers" });
    assert.equal(timeline.events.length, 2);
    await assert.rejects(setSeverity(ada, id, { severity: "info", reason: "" }), { code: "USAGE" });
  });

  it("hypothesis: raised, supported, contradicted, ruled out, confirmed; each named by its number", async () => {
    const { ada, bob, id } = await opened();
    assert.equal((await raiseHypothesis(ada, id, "the network")).hypothesis, "h1");
    assert.equal((await raiseHypothesis(bob, id, "the disk")).hypothesis, "h2");
    assert.equal((await raiseHypothesis(bob, id, "the network")).hypothesis, "h1", "it stands there already");
    await supportHypothesis(ada, id, { hypothesis: "h2", text: "I/O errors" });
    await contradictHypothesis(ada, id, { hypothesis: "1", text: "ping works" });
    await ruleOutHypothesis(ada, id, { hypothesis: "h1", text: "no packet was lost" });
    const state = await confirmHypothesis(bob, id, { hypothesis: "h2", text: "smartctl" });
    assert.deepEqual(
      state.hypotheses.map((one) => [one.id, one.state, one.evidence.length]),
      [
        ["h1", "ruled-out", 2],
        ["h2", "confirmed", 2],
      ],
    );
    await assert.rejects(ruleOutHypothesis(ada, id, { hypothesis: "h1", text: "again" }), { code: "NOT_POSSIBLE_NOW" });
    await assert.rejects(confirmHypothesis(ada, id, { hypothesis: "h2", text: "again" }), { code: "NOT_POSSIBLE_NOW" });
    await assert.rejects(confirmHypothesis(ada, id, { hypothesis: "h3", text: "x" }), { code: "UNKNOWN_NAME" });
    const changed = await confirmHypothesis(ada, id, { hypothesis: "h1", text: "it was the network after all" });
    assert.equal(changed.hypotheses[0]?.state, "confirmed");
  });

  it("resolve: one opened by hand is mitigated by the person's word; twice is refused with what was said", async () => {
    const { ada, id, timeline } = await opened();
    const state = await resolveIncident(ada, id, { resolution: "restarted" });
    assert.equal(state.status, "resolved");
    assert.equal(state.mitigation, "as ada says");
    assert.equal(timeline.events.length, 3);
    await assert.rejects(resolveIncident(ada, id, { resolution: "again" }), (error: BlackstartError) => {
      assert.equal(error.code, "NOT_POSSIBLE_NOW");
      assert.match(error.why, /restarted/);
      return true;
    });
  });

  it("resolve: not while something critical is open, unless the person says so", async () => {
    const { ada, timeline } = persons();
    const responder = createResponder({ system, timeline, clock });
    await responder.take(raised(down));
    await assert.rejects(resolveIncident(ada, "latest", { resolution: "done" }), (error: BlackstartError) => {
      assert.equal(error.code, "NOT_POSSIBLE_NOW");
      assert.match(error.why, /node.down/);
      return true;
    });
    const state = await resolveIncident(ada, "latest", { resolution: "a false alarm", despiteOpenFindings: true });
    assert.equal(state.status, "resolved");
    assert.equal(state.times.mitigatedAt, null, "nobody says that it works");
  });

  it("recovered: only after it was mitigated, once", async () => {
    const { ada, timeline } = persons();
    const responder = createResponder({ system, timeline, clock });
    await responder.take(raised(down));
    await assert.rejects(declareRecovered(ada, "latest", "all checked"), { code: "NOT_POSSIBLE_NOW" });
    await responder.take(cleared(down));
    const { version } = await declareRecovered(ada, "latest", "all checked");
    assert.equal((await declareRecovered(ada, "latest", "all checked")).version, version);
  });

  it("does not lose what another process says at the same moment", async () => {
    const { ada, bob, id, timeline } = await opened();
    let rivals = 3;
    timeline.before = async () => {
      if (rivals-- > 0) {
        const before = timeline.before;
        timeline.before = undefined;
        await noteOnIncident(bob, id, `I was faster (${rivals})`);
        timeline.before = before;
      }
    };
    await noteOnIncident(ada, id, "mine");
    assert.equal((await findIncident(timeline, id)).notes.length, 4);
  });

  it("gives up with the conflict when somebody else is faster again and again", async () => {
    const { ada, bob, id, timeline } = await opened();
    timeline.before = async () => {
      const before = timeline.before;
      timeline.before = undefined;
      await noteOnIncident(bob, id, "faster");
      timeline.before = before;
    };
    await assert.rejects(noteOnIncident(ada, id, "mine"), { code: "VERSION_CONFLICT" });
  });

  it("names the nearest incident for a slip of the hand", async () => {
    const { ada } = await opened();
    await assert.rejects(noteOnIncident(ada, "20261120-0307-legder", "x"), { code: "UNKNOWN_NAME" });
  });
});
