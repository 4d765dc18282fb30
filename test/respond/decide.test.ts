import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FindingsChange } from "../../src/finding/change.ts";
import { decide, type IntendedAppend } from "../../src/respond/decide.ts";
import type { PlanFact } from "../../src/respond/mitigation-of.ts";
import type { IncidentEvent } from "../../src/timeline/incident.ts";
import { applyIncidentEvent, type IncidentState } from "../../src/timeline/incident-fold.ts";
import { holdersOf } from "../../src/timeline/incident-people.ts";
import { at, cleared, finding, raised, system } from "./world.ts";

const down = finding("node.down", "node:ledger/pg1", { lastGoodAt: at(-1) });
const noPrimary = finding("cluster.no-primary", "cluster:ledger");
const splitBrain = finding("roles.two-primaries", "cluster:ledger");
const primaryUnknown = finding("cluster.primary-unknown", "cluster:ledger", { severity: "warning" });
const api = finding("service.down", "service:api", { lastGoodAt: at(-5) });
const web = finding("service.down", "service:web");
const balances = finding("cache.down", "cache:balances");
const reports = finding("service.down", "service:reports");
const debit = finding("invariant.violated", "invariant:debit-credit");
const lag = finding("replication.lag", "node:ledger/pg3", { severity: "warning" });
const hang = finding("replication.synchronous-missing", "cluster:ledger");
const misdirected = finding("clients.misdirected", "cluster:ledger");
const underWay: PlanFact = {
  id: "failover-ledger-1",
  kind: "failover",
  subject: { kind: "cluster", name: "ledger" },
  incident: null,
  startedAt: at(10),
  endedAt: null,
  outcome: null,
};
const standbyDown = finding("node.down", "node:ledger/pg2", {
  severity: "warning",
  lastGoodAt: at(-2),
  remedy: { kind: "restart", subject: { kind: "node", name: "ledger/pg2" } },
});
const info = finding("settings.differ", "cluster:ledger", { severity: "info" });

/** Takes changes one after the other, as the responder does, and keeps the incidents. */
function story(...incidents: IncidentState[]) {
  const streams = new Map(incidents.map((incident) => [incident.id, incident]));
  let position = 0;
  const said: string[] = [];
  function append({ incident, expectedVersion, events }: IntendedAppend, now: string) {
    let state = streams.get(incident);
    assert.equal(expectedVersion, state?.version ?? 0);
    for (const { kind, data } of events) {
      position += 1;
      const version = (state?.version ?? 0) + 1;
      const stream = `incident/${incident}`;
      state = applyIncidentEvent(state, { stream, version, position, at: now, by: "watch", kind, data: data as never });
      said.push(kind.slice("incident.".length));
    }
    streams.set(incident, state as IncidentState);
  }
  return {
    said,
    incidents: () => [...streams.values()],
    take(change: FindingsChange, seconds = 0, plans: readonly PlanFact[] = []) {
      const facts = { system, now: at(seconds), plans };
      const appends = decide([...streams.values()], change, facts);
      for (const append_ of appends) append(append_, facts.now);
      // Once it is appended, the same change means nothing any more.
      assert.deepEqual(decide([...streams.values()], change, facts), []);
      return appends.flatMap(({ events }) => events.map(({ kind }) => kind.slice("incident.".length)));
    },
    byHand(incident: string, ...events: IncidentEvent[]) {
      const expectedVersion = streams.get(incident)?.version ?? 0;
      append({ incident, expectedVersion, events }, at(0));
    },
    only() {
      assert.equal(streams.size, 1, `${streams.size} incidents: ${[...streams.keys()].join(", ")}`);
      return [...streams.values()][0] as IncidentState;
    },
  };
}

describe("what a change of the findings means", () => {
  const table: readonly {
    name: string;
    changes: readonly FindingsChange[];
    said: readonly string[];
    about?: string;
  }[] = [
    { name: "a critical finding opens an incident", changes: [raised(down)], said: ["opened"], about: "ledger" },
    { name: "a warning opens none", changes: [raised(lag)], said: [] },
    {
      name: "an information opens none, and is attached to none",
      changes: [raised(down), raised(info)],
      said: ["opened"],
    },
    {
      name: "everything down at once is one incident, about the cause",
      changes: [raised(web, api, debit, down, noPrimary, lag)],
      said: ["opened"],
      about: "ledger",
    },
    {
      name: "two nodes of one cluster are one incident",
      changes: [raised(down), raised(finding("node.down", "node:ledger/pg2"))],
      said: ["opened", "finding-raised"],
    },
    {
      name: "a service that needs the cluster is one more consequence, however indirectly",
      changes: [raised(down), raised(web), raised(debit)],
      said: ["opened", "finding-raised", "finding-raised"],
      about: "ledger",
    },
    {
      name: "a cause that is seen after its consequence widens the incident",
      changes: [raised(web), raised(down)],
      said: ["opened", "finding-raised", "retitled"],
      about: "ledger",
    },
    {
      name: "a cause is widened to step by step",
      changes: [raised(web), raised(api), raised(balances)],
      said: ["opened", "finding-raised", "retitled", "finding-raised", "retitled"],
      about: "balances",
    },
    {
      name: "what may have the same cause is one incident",
      changes: [raised(debit), raised(api), raised(noPrimary)],
      said: ["opened", "finding-raised", "finding-raised", "retitled"],
      about: "ledger",
    },
    {
      name: "a warning is attached to an open related incident, and does not widen it",
      changes: [raised(api), raised(lag)],
      said: ["opened", "finding-raised"],
      about: "api",
    },
    {
      name: "a warning that becomes critical opens an incident",
      changes: [raised(lag), raised({ ...lag, severity: "critical" })],
      said: ["opened"],
    },
    {
      name: "what is known is not said again",
      changes: [raised(down), raised({ ...down, seenAt: at(9), evidence: [] })],
      said: ["opened"],
    },
    {
      name: "what is known but reads otherwise now is said once",
      changes: [raised(down), raised({ ...down, title: "worse" })],
      said: ["opened", "finding-raised"],
    },
    {
      name: "mitigated when the last critical finding has cleared, warnings notwithstanding",
      changes: [raised(down, api, lag), cleared(api), cleared(down)],
      said: ["opened", "finding-cleared", "finding-cleared", "mitigated"],
    },
    {
      name: "mitigated when the last critical finding becomes a warning",
      changes: [raised(down), raised({ ...down, severity: "warning" })],
      said: ["opened", "finding-raised", "mitigated"],
    },
    {
      name: "one takes the place of another in the same moment: still open, and named after what is wrong now",
      changes: [raised(down), { at: at(1), raised: [noPrimary], cleared: [down] }],
      said: ["opened", "finding-cleared", "finding-raised", "retitled"],
    },
    {
      name: "when what gave it its name is over, it is about what is left; what comes then does not give it another",
      changes: [raised(down, noPrimary), cleared(down), raised(finding("node.hanging", "node:ledger/pg2"))],
      said: ["opened", "finding-cleared", "retitled", "finding-raised"],
    },
    {
      name: "a dead standby opens one, though nothing critical is found, and it ends when the standby is back",
      changes: [raised(standbyDown), raised(lag), cleared(standbyDown)],
      said: ["opened", "finding-raised", "finding-cleared", "mitigated"],
    },
    {
      name: "a dead standby after which commits hang makes it critical; it ends when they go on, with the standby dead",
      changes: [raised(standbyDown), raised(hang), cleared(hang)],
      said: ["opened", "finding-raised", "retitled", "severity-set", "finding-cleared", "mitigated"],
    },
    {
      name: "a warning that becomes critical in an open incident makes it critical too, and ends when it does",
      changes: [raised(standbyDown), raised({ ...standbyDown, severity: "critical" }), raised(standbyDown)],
      said: ["opened", "finding-raised", "severity-set", "finding-raised", "mitigated"],
    },
    {
      name: "what comes back worse makes it critical",
      changes: [raised(standbyDown), cleared(standbyDown), raised({ ...standbyDown, severity: "critical" })],
      said: ["opened", "finding-cleared", "mitigated", "recurred", "severity-set"],
    },
    {
      name: "an outage is not over because nobody lets us look any more",
      changes: [raised(noPrimary), { at: at(1), raised: [primaryUnknown], cleared: [noPrimary] }],
      said: ["opened", "finding-cleared", "finding-raised"],
    },
    {
      name: "it is over when we can look again, and all is well",
      changes: [
        raised(noPrimary),
        { at: at(1), raised: [primaryUnknown], cleared: [noPrimary] },
        cleared(primaryUnknown),
      ],
      said: ["opened", "finding-cleared", "finding-raised", "finding-cleared", "mitigated"],
    },
    {
      name: "raised and cleared in the same moment: raised",
      changes: [raised(down), { at: at(1), raised: [down], cleared: [down] }],
      said: ["opened"],
    },
    { name: "clearing what nobody raised means nothing", changes: [cleared(down)], said: [] },
    {
      name: "what comes back soon reopens the same incident",
      changes: [raised(down), cleared(down), raised(down), cleared(down), raised(down)],
      said: ["opened", "finding-cleared", "mitigated", "recurred", "finding-cleared", "mitigated", "recurred"],
    },
    {
      name: "several things that come back together are one recurrence",
      changes: [raised(down), cleared(down), raised(api, down, lag)],
      said: ["opened", "finding-cleared", "mitigated", "recurred"],
    },
    {
      name: "a cause that is found soon after its consequence was over widens that incident",
      changes: [raised(api), cleared(api), raised(noPrimary)],
      said: ["opened", "finding-cleared", "mitigated", "recurred", "retitled"],
      about: "ledger",
    },
  ];
  for (const { name, changes, said, about } of table)
    it(name, () => {
      const told = story();
      for (const change of changes) told.take(change);
      assert.deepEqual(told.said, said);
      if (about !== undefined) assert.equal(told.only().subject.name, about);
    });

  const promoted = { at: at(20), raised: [{ ...misdirected, seenAt: at(20) }], cleared: [noPrimary] };
  const moved = { at: at(21), raised: [{ ...hang, seenAt: at(21) }], cleared: [misdirected] };

  it("is not about what a plan leaves for a moment between two steps, but about what it leaves when it stops", () => {
    const told = story();
    told.take(raised(noPrimary));
    told.take(promoted, 20, [underWay]);
    told.take(moved, 21, [underWay]);
    assert.equal(told.only().title, noPrimary.title);
    told.take(raised(splitBrain), 22, [underWay]);
    assert.equal(told.only().title, splitBrain.title, "worse than what the plan was made for");
    told.take(cleared(splitBrain), 23, [{ ...underWay, outcome: "stopped", endedAt: at(22) }]);
    assert.equal(told.only().title, hang.title);
  });

  it("bears the name of the worst of an outage when it is over, and among equals of the first", () => {
    const told = story();
    told.take(raised(noPrimary));
    told.take(promoted, 20);
    told.take(moved, 21);
    assert.equal(told.only().title, hang.title);
    told.take(cleared(hang), 22);
    assert.equal(told.only().title, noPrimary.title);
    told.take(raised({ ...hang, seenAt: at(30) }), 30);
    told.take(cleared(hang), 31);
    assert.equal(told.only().title, hang.title, "another outage");
  });

  it("keeps what has nothing to do with each other apart", () => {
    const told = story();
    told.take(raised(down, reports));
    assert.deepEqual(
      told.incidents().map(({ id, open }) => [id, open.length]),
      [
        ["20261120-0307-ledger", 1],
        ["20261120-0307-reports", 1],
      ],
    );
  });

  it("begins the outage with the earliest last good observation of what is critical", () => {
    const told = story();
    told.take(raised({ ...lag, lastGoodAt: at(-900) }, down, api));
    assert.equal(told.only().times.outageStart, at(-5));
    const unknown = story();
    unknown.take(raised(noPrimary));
    assert.equal(unknown.only().times.outageStart, null);
  });

  it("gives a second incident in the same minute another id", () => {
    const told = story();
    told.take(raised(down));
    told.take(cleared(down));
    told.byHand("20261120-0307-ledger", { kind: "incident.resolved", data: { resolution: "done" } });
    told.take(raised(finding("cluster.two-primaries", "cluster:ledger")), 30);
    assert.deepEqual(
      told.incidents().map(({ id }) => id),
      ["20261120-0307-ledger", "20261120-0307-ledger-2"],
    );
  });

  it("opens a new incident once the time to settle is over", () => {
    const settle = system.watch.settle / 1000;
    for (const [seconds, expected] of [
      [settle, "recurred"],
      [settle + 1, "opened"],
    ] as const) {
      const told = story();
      told.take(raised(down));
      told.take(cleared(down), 0);
      assert.deepEqual(told.take(raised(down), seconds), [expected]);
    }
  });

  it("reopens what people have resolved only for the very same finding, and only soon", () => {
    const resolved = () => {
      const told = story();
      told.take(raised(down));
      told.take(cleared(down));
      told.byHand("20261120-0307-ledger", { kind: "incident.resolved", data: { resolution: "done" } });
      return told;
    };
    assert.deepEqual(resolved().take(raised(down), 60), ["recurred"]);
    assert.deepEqual(resolved().take(raised(noPrimary), 60), ["opened"]);
    assert.deepEqual(resolved().take(raised(down), 3600), ["opened"]);
    assert.deepEqual(resolved().take(raised({ ...down, severity: "warning" }), 60), ["opened"]);
    assert.deepEqual(resolved().take(raised({ ...lag, severity: "warning" }), 60), []);
  });

  const acknowledge: IncidentEvent = { kind: "incident.acknowledged", data: { who: "root" } };

  it("an acknowledgement is for one outage: what is new, graver, or was declared over, needs another", () => {
    const resolve: IncidentEvent = { kind: "incident.resolved", data: { resolution: "done" } };
    const cases: readonly [string, readonly string[], (told: ReturnType<typeof story>) => void][] = [
      ["the same again, soon", ["root"], (told) => void [told.take(cleared(down)), told.take(raised(down), 60)]],
      ["another, soon", [], (told) => void [told.take(cleared(down)), told.take(raised(noPrimary), 60)]],
      [
        "the same again, after it was resolved",
        [],
        (told) => {
          told.take(cleared(down));
          told.byHand("20261120-0307-ledger", resolve);
          told.take(raised(down), 60);
        },
      ],
    ];
    for (const [what, holders, happen] of cases) {
      const told = story();
      told.take(raised(down));
      told.byHand("20261120-0307-ledger", acknowledge);
      happen(told);
      assert.deepEqual(holdersOf(told.only()), holders, what);
      assert.equal(told.only().times.acknowledgedAt === null, holders.length === 0, what);
    }
    const worse = story();
    worse.take(raised(standbyDown));
    worse.byHand("20261120-0307-ledger", acknowledge);
    worse.take(raised(splitBrain));
    assert.deepEqual(holdersOf(worse.only()), [], "a warning that became an outage");
  });

  it("is about the worst that is wrong: a split brain does not stand under a standby's name", () => {
    const told = story();
    told.take(raised(standbyDown));
    told.take(raised(splitBrain));
    assert.deepEqual([told.only().title, told.only().severity], [splitBrain.title, "critical"]);
    told.take(raised(down));
    assert.equal(told.only().title, splitBrain.title, "nothing less grave takes its place");
    told.take(cleared(splitBrain));
    assert.equal(told.only().title, down.title, "what is left gives it its name");
    assert.equal(told.only().severity, "critical");
  });

  it("does not open a second one for what was resolved although it was still wrong", () => {
    const told = story();
    told.take(raised(down));
    told.byHand("20261120-0307-ledger", { kind: "incident.resolved", data: { resolution: "we live with it" } });
    assert.deepEqual(told.take(raised(down), 7200), []);
    assert.deepEqual(told.take(cleared(down), 7200), ["finding-cleared"]);
    assert.equal(told.only().status, "resolved");
  });

  it("attaches a warning to an incident that was lately mitigated, without reopening it", () => {
    const told = story();
    told.take(raised(down));
    told.take(cleared(down));
    assert.deepEqual(told.take(raised(lag), 60), ["finding-raised"]);
    assert.equal(told.only().status, "mitigated");
    assert.deepEqual(told.take(raised({ ...lag, severity: "critical" }), 61), ["recurred", "retitled"]);
  });

  it("tells nobody twice of a standby that comes and goes", () => {
    const told = story();
    assert.deepEqual(told.take(raised(standbyDown)), ["opened"]);
    assert.equal(told.only().severity, "warning");
    assert.equal(told.only().times.outageStart, at(-2));
    for (const seconds of [1, 60, 300]) {
      assert.deepEqual(told.take(cleared(standbyDown), seconds), ["finding-cleared", "mitigated"]);
      assert.deepEqual(told.take(raised(standbyDown), seconds), ["recurred"]);
    }
  });

  it("is open again as soon as what had become harmless needs somebody again", () => {
    const told = story();
    told.take(raised(standbyDown));
    const harmless = finding("node.down", "node:ledger/pg2", { severity: "info" });
    assert.deepEqual(told.take(raised(harmless), 60), ["finding-raised", "mitigated"]);
    assert.deepEqual(told.take(raised(standbyDown), 7200), ["recurred"]);
  });

  it("gives what lingered in one that is over, and is worse now, to the open one about the same", () => {
    const told = story();
    told.take(raised(api));
    told.take(raised({ ...balances, severity: "warning" }));
    told.take(raised(down));
    told.take(cleared(api, down), 60);
    told.take(raised(down), 7200);
    assert.equal(told.incidents().length, 2);
    told.take(raised(balances), 7260);
    assert.deepEqual(
      told.incidents().map(({ status, open }) => [status, open.map(({ code }) => code)]),
      [
        ["mitigated", []],
        ["open", ["node.down", "cache.down"]],
      ],
    );
  });

  it("joins one that was opened by hand, and makes it critical", () => {
    const told = story();
    told.byHand("20261120-0306-api", {
      kind: "incident.opened",
      data: {
        title: "Customers complain",
        severity: "warning",
        subject: { kind: "service", name: "api" },
        findings: [],
        outageStart: null,
      },
    });
    assert.deepEqual(told.take(cleared(down)), [], "nothing critical was ever found: the people end it");
    assert.deepEqual(told.take(raised(down)), ["finding-raised", "retitled", "severity-set"]);
    assert.deepEqual(told.take(cleared(down)), ["finding-cleared", "mitigated"]);
  });

  it("says how it was mitigated: by the plan that ran meanwhile, or without any", () => {
    const unknown = "what put it right is not known";
    const plan: PlanFact = {
      id: "failover-ledger-1",
      kind: "failover",
      subject: { kind: "cluster", name: "ledger" },
      incident: null,
      startedAt: at(5),
      endedAt: at(8),
      outcome: "done",
    };
    const cases: readonly [string, readonly PlanFact[]][] = [
      [`without a plan of Blackstart's; ${unknown}`, []],
      ["by plan failover-ledger-1 (failover)", [plan]],
      ["by plan failover-ledger-1 (failover)", [{ ...plan, incident: "20261120-0307-ledger" }]],
      ["while plan failover-ledger-1 (failover) was being carried out", [{ ...plan, outcome: null, endedAt: null }]],
      ["by plan failover-ledger-1 (failover)", [{ ...plan, startedAt: at(-60) }]],
      [`after plan failover-ledger-1 (failover) had stopped half-way; ${unknown}`, [{ ...plan, outcome: "stopped" }]],
      [`without a plan of Blackstart's; ${unknown}`, [{ ...plan, startedAt: at(-60), endedAt: at(-50) }]],
      [`without a plan of Blackstart's; ${unknown}`, [{ ...plan, incident: "another" }]],
      [`without a plan of Blackstart's; ${unknown}`, [{ ...plan, subject: { kind: "cluster", name: "archive" } }]],
    ];
    for (const [how, plans] of cases) {
      const told = story();
      told.take(raised(down));
      told.take(cleared(down), 10, plans);
      assert.equal(told.only().mitigation, how);
    }
  });
});
