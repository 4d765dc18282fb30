import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { normalized, trialSpec } from "../../src/reproduce/scenario/configuration.ts";
import { parseScenario, scenarioOfNames } from "../../src/reproduce/scenario/load.ts";
import { reducedText } from "../../src/reproduce/scenario/reduced.ts";

const story = `
scenario: lost-in-failover      # why it is told
cluster: { standbys: [asynchronous], settings: { work_mem: 4MB } }
factors:
  - id: no-sync
    settings: { synchronous_standby_names: "", work_mem: 8MB }
    nodes: [pg1]
  # the one that began it
  - { id: kill, fault: kill-primary, after: 100ms }
  - { id: two-standbys, topology: { standbys: [asynchronous, asynchronous] } }
  - { id: late, sql: select 1, on: pg2, needs: [kill] }
afterwards:
  - promote: furthest
symptom: { lost-writes: true }
`;
const parsed = parseScenario(story, { path: "story.yaml" });

describe("a scenario's file", () => {
  const wrong: readonly (readonly [what: string, text: string, says: RegExp])[] = [
    ["no mapping", "- a", /must be a mapping/],
    ["an unknown key", story.replace("factors:", "factor:"), /:4:1 factor: unknown key\. Did you mean “factors”/],
    ["an unknown key of a factor", story.replace("after:", "aftr:"), /factors\[1\]\.aftr: unknown key\. Did you mean/],
    [
      "two kinds at once",
      story.replace("sql: select 1", "sql: select 1, fault: hang"),
      /sql: cannot stand beside `fault`/,
    ],
    [
      "a fault that is none",
      story.replace("kill-primary", "kil-primary"),
      /factors\[1\]\.fault: is no fault that can be injected.*Did you mean “kill-primary”/,
    ],
    [
      "no kind",
      story.replace("fault: kill-primary, after: 100ms", "about: x"),
      /:9:5 factors\[1\]: must have one of fault/,
    ],
    ["the same id twice", story.replace("id: late", "id: kill"), /factors\[3\]\.id: another factor has this id/],
    ["a need that is none", story.replace("needs: [kill]", "needs: [kil]"), /is no factor.*Did you mean “kill”/],
    ["a need of itself", story.replace("needs: [kill]", "needs: [late]"), /a factor cannot need itself/],
    ["no duration", story.replace("100ms", "100"), /factors\[1\]\.after: a duration is written/],
    ["no symptom", story.replace(/symptom:.*/, ""), /symptom: is missing|must have one of no-write-for/],
    ["two symptoms", story.replace("lost-writes: true", "lost-writes: true, log: x"), /log: cannot stand beside/],
    ["no regular expression", story.replace("lost-writes: true", 'log: "("'), /symptom\.log: is no regular expression/],
    [
      "lost writes that nobody can count",
      story.replace("factors:", "workload: { write: [select 1] }\nfactors:"),
      /needs `workload\.present`/,
    ],
    [
      "lost writes at rest that nobody can count",
      story
        .replace("factors:", "workload: { write: [select 1] }\nfactors:")
        .replace(/lost-writes: true/, "at-rest: [lost-writes]"),
      /symptom\.at-rest[^]*needs `workload\.present`/,
    ],
    [
      "a rest before what is no action",
      story.replace("work_mem: 8MB }", "work_mem: 8MB }\n    settled: 5s"),
      /settled[^]*means something only beside/,
    ],
    [
      "a key that means nothing there",
      story.replace("promote: furthest", "promote: furthest\n    on: pg2"),
      /means something only beside/,
    ],
    [
      "a node that no trial has",
      story.replace("nodes: [pg1]", "nodes: [pg1, pg4]"),
      /factors\[0\]\.nodes\[1\]: “pg4” is no node of this cluster: pg1, pg2, pg3\. Did you mean/,
    ],
    [
      "a node to promote that no trial has",
      story.replace("promote: furthest", "promote: pg5"),
      /promote: “pg5” is no node/,
    ],
    ["a role that is none", story.replace("after: 100ms", "on: primry"), /“primry” is neither.*Did you mean “primary”/],
    [
      "a process that no server has",
      story.replace("after: 100ms", "on: pg1.checkpoint"),
      /“checkpoint” is no process.*Did you mean “checkpointer”/,
    ],
    [
      "a process where a node is meant",
      story.replace("kill-primary, after: 100ms", "power-off, on: primary.checkpointer"),
      /names a process: power-off is done to a node/,
    ],
    ["a fault that is done nowhere", story.replace("kill-primary, after: 100ms", "kill"), /say to which in `on`/],
    ["a statement on a role", story.replace("on: pg2", "on: primary"), /\.on: “primary” is no node of this cluster/],
    [
      "a symptom on a node that no trial has",
      story.replace("lost-writes: true", "log: x, on: pg8"),
      /symptom\.on: “pg8” is no node/,
    ],
    ["a setting's name", story.replace("work_mem: 8MB", "'work mem': 8MB"), /is no name of a setting/],
  ];
  for (const [what, text, says] of wrong)
    it(`is refused with its place: ${what}`, () => {
      assert.throws(
        () => parseScenario(text, { path: "story.yaml" }),
        (error: BlackstartError) => {
          assert.equal(error.code, "SCENARIO_INVALID");
          assert.equal(error.exitCode, 2);
          assert.match(error.message, says);
          return true;
        },
      );
    });

  it("may name what is there in some trials only, or what nobody knows before: a node of the user's own configuration", () => {
    const wide = "[asynchronous, asynchronous]";
    const late = story.replace("on: pg2", "on: pg3");
    parseScenario(late, { path: "story.yaml" });
    assert.throws(() => parseScenario(late.replace(wide, "[]"), { path: "story.yaml" }), /“pg3” is no node/);
    const own = late
      .replace("standbys: [asynchronous],", "manager: pacemaker, configuration: cib.xml,")
      .replace("on: pg3", "on: db-a")
      .replace("after: 100ms", "on: db.example.checkpointer");
    parseScenario(own, { path: "story.yaml" });
  });

  it("may have factors that are mere names, where an oracle knows them", () => {
    assert.deepEqual(
      scenarioOfNames(["a", "b"]).factors.map(({ id }) => id),
      ["a", "b"],
    );
    assert.throws(() => scenarioOfNames(["a", "a"]), BlackstartError);
  });
});

describe("a trial of some of the factors", () => {
  it("has no factor whose needs are absent, and keeps the order of the file", () => {
    assert.deepEqual(normalized(parsed, ["late", "kill", "no-sync"]), ["no-sync", "kill", "late"]);
    assert.deepEqual(normalized(parsed, ["late", "no-sync", "unheard-of"]), ["no-sync"]);
  });

  it("is the cluster with the differences, and the actions in their order", () => {
    const all = trialSpec(parsed, ["no-sync", "kill", "two-standbys"]);
    assert.deepEqual(all.cluster.standbys, ["asynchronous", "asynchronous"]);
    assert.deepEqual(all.settings, {
      "*": { work_mem: "4MB" },
      pg1: { synchronous_standby_names: "", work_mem: "8MB" },
    });
    assert.deepEqual(
      all.actions.map(({ fault, promote }) => fault ?? promote),
      ["kill-primary", "furthest"],
    );
    const none = trialSpec(parsed, []);
    assert.deepEqual(none.cluster, parsed.cluster);
    assert.deepEqual(none.settings, { "*": { work_mem: "4MB" } });
    assert.equal(none.actions.length, 1);
  });

  it("is a scenario also where others are named in what is done afterwards, or by an alias", () => {
    const needing = story.replace("- promote: furthest", "- { promote: furthest, needs: [kill] }");
    assert.deepEqual(parseScenario(reducedText(needing, ["no-sync"]), { path: "minimal.yaml" }).afterwards, []);
    const aliased = story
      .replace("work_mem: 8MB }", "work_mem: 8MB }\n    about: &why the same")
      .replace("needs: [kill]", "about: *why");
    const { factors } = parseScenario(reducedText(aliased, ["late"]), { path: "minimal.yaml" });
    assert.deepEqual(
      factors.map(({ id, about }) => [id, about]),
      [["late", "the same"]],
    );
  });

  it("can be written as a scenario of its own, with its comments", () => {
    const text = reducedText(story, ["kill"]);
    assert.deepEqual(
      parseScenario(text, { path: "minimal.yaml" }).factors.map(({ id }) => id),
      ["kill"],
    );
    assert.match(text, /# why it is told/);
    assert.match(text, /# the one that began it/);
  });
});
