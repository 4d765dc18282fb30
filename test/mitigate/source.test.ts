import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeObservation } from "../../src/drivers/postgres/observe.ts";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planDemote } from "../../src/mitigate/planners/demote.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { refuseStart } from "../../src/mitigate/start-safety.ts";
import { leadsOf, sourceOf } from "../../src/mitigate/source.ts";
import { mayReceiveFrom } from "../../src/mitigate/witnesses.ts";
import { isRefusal, type Refusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, noChoice, observation, receiver, remembered, system } from "./fixtures.ts";

/* The system file has addresses (10.0.0.N), and the standbys' settings have names, or the other way round. */

type Change = Readonly<{
  conninfo: string;
  sender?: readonly [host: string, port?: number];
  slot?: string;
  name?: string;
}>;

function standby(
  node: string,
  { conninfo, sender, slot, name }: Change,
  more: Partial<NodeObservation> = {},
): NodeFacts {
  const settings = { ...observation("standby").settings, primaryConninfo: conninfo };
  const [senderHost, senderPort = 5432] = sender ?? [];
  const streams =
    senderHost === undefined ? null : receiver({ senderHost, senderPort, slotName: slot ?? null, name: name ?? null });
  return {
    ...placed(alive(node, "standby", { settings, receiver: streams, ...more })),
    applicationName: name ?? "walreceiver",
  };
}

function placed(one: NodeFacts): NodeFacts {
  const address = `10.0.0.${one.node.slice(2)}:5432`;
  return { ...one, address, addresses: [address] };
}

const silent = placed(dead("pg1", { reach: "silent", remembered: remembered("pg1") }));
/** What pg2 says of the one that streams from it. */
const sends = (change: Partial<NodeObservation["standbys"][number]>) => ({
  standbys: [{ ...observation("primary").standbys[0]!, slotName: null, ...change }],
});
const byName: Change = { conninfo: "host=pg1.internal user=r", sender: ["pg1.internal"] };
const resolved = {
  "pg1.internal": ["10.0.0.1"],
  "pg2.internal": ["10.0.0.2"],
  all: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
};

type Case = readonly [name: string, pg3: NodeFacts, source: string, more?: Partial<ClusterFacts>, pg2?: NodeFacts];

const quiet = standby("pg2", { conninfo: "host=10.0.0.1" });
const cascade: Change = { conninfo: "host=pg2.internal", sender: ["pg2.internal"] };

const cases: readonly Case[] = [
  ["its address", standby("pg3", { conninfo: "host=10.0.0.1", sender: ["10.0.0.1"] }), "pg1"],
  ["its name, which resolves", standby("pg3", byName), "pg1", { resolved }],
  ["its name, which does not resolve", standby("pg3", byName), "pg1.internal:5432?"],
  ["its name and its address", standby("pg3", { ...byName, conninfo: "host=pg1.internal hostaddr=10.0.0.1" }), "pg1"],
  [
    "the address of another network",
    standby("pg3", { conninfo: "host=192.168.0.1", sender: ["192.168.0.1"] }),
    "192.168.0.1:5432?",
  ],
  ["the second of two hosts", standby("pg3", { conninfo: "host=10.0.0.9,10.0.0.1", sender: ["10.0.0.1"] }), "pg1"],
  ["one of two hosts, and nobody knows which", standby("pg3", { conninfo: "host=10.0.0.1,10.0.0.2" }), "pg1|pg2?"],
  [
    "all nodes, of which it is one, and nobody knows from which",
    standby("pg3", { conninfo: "host=10.0.0.1,10.0.0.3" }),
    "pg1",
  ],
  ["a name of all three", standby("pg3", { conninfo: "host=all", sender: ["all"] }), "pg1|pg2?", { resolved }],
  ["where its setting led before", standby("pg3", { conninfo: "host=10.0.0.2", sender: ["10.0.0.1"] }), "pg1"],
  ["a service", standby("pg3", { conninfo: "service=ledger" }), "a server of which it does not tell the address?"],
  ["nothing", standby("pg3", { conninfo: "" }), "nobody"],
  ["nowhere", standby("pg3", { conninfo: "host='127.0.0.1' port='1'" }), "nobody"],
  ["itself", standby("pg3", { conninfo: "host=10.0.0.3" }), "nobody"],
  [
    "a tunnel on its own machine",
    standby("pg3", { conninfo: "host=localhost", sender: ["localhost"] }),
    "localhost:5432?",
    { resolved: { localhost: ["127.0.0.1"] } },
  ],
  [
    "another standby by its name, by a slot there",
    standby("pg3", { ...cascade, slot: "s3" }),
    "pg2",
    {},
    { ...quiet, observation: { ...quiet.observation!, ...sends({ slotName: "s3" }) } },
  ],
  [
    "the same, by the name under which it streams",
    standby("pg3", { ...cascade, name: "pg3" }),
    "pg2",
    {},
    { ...quiet, observation: { ...quiet.observation!, ...sends({ applicationName: "pg3" }) } },
  ],
  [
    "the same, by a name that is anybody's",
    standby("pg3", { ...cascade, name: "walreceiver" }),
    "pg2.internal:5432?",
    {},
    { ...quiet, observation: { ...quiet.observation!, ...sends({ applicationName: "walreceiver" }) } },
  ],
];

for (const [name, pg3, expected, more, pg2 = quiet] of cases)
  test(`a standby is aimed at ${name}: ${expected}`, () => {
    const all = { ...facts(silent, pg2, pg3), ...more };
    const source = sourceOf(all, all.nodes[2] as never);
    const got =
      source.kind === "node"
        ? source.node.node
        : source.kind === "nobody"
          ? "nobody"
          : `${source.address ?? source.nodes.map((one) => one.node).join("|")}?`;
    assert.equal(got, expected);
  });

test("an IPv6 address is one, with brackets and without", () => {
  const pg1 = { ...silent, address: "[fd00::1]:5432", addresses: ["[fd00::1]:5432"] };
  const all = facts(pg1, standby("pg2", { conninfo: "host=fd00:0::1", sender: ["fd00::1"] }));
  assert.deepEqual(sourceOf(all, all.nodes[1] as never), { kind: "node", node: pg1 });
});

test("a name that is this machine's own here is the node that is declared by it", () => {
  const [pg1, pg2] = [
    { node: "pg1", addresses: ["pg1:5432"] },
    { node: "pg2", addresses: ["10.0.0.2:5432"] },
  ];
  const [lead] = leadsOf([pg1, pg2], pg2, [["pg1:5432"]], { pg1: ["127.0.1.1"] });
  assert.deepEqual(lead?.to, [pg1]);
});

test("who streams from a name that cannot be resolved may hear the primary; who streams from another node does not", () => {
  const all = facts(
    silent,
    standby("pg2", byName),
    standby("pg3", { conninfo: "host=10.0.0.2", sender: ["10.0.0.2"] }),
  );
  const heard = all.nodes.map((one) => (one === silent ? undefined : mayReceiveFrom(all, one, silent)));
  assert.deepEqual(heard, [undefined, { hearsSomebody: "pg1.internal:5432" }, undefined]);
});

test("a primary that a standby may hear is not replaced", () => {
  const pg2 = { ...standby("pg2", byName), hearsSomebody: "pg1.internal:5432" };
  const refused = refusalOf(planFailover(system(), facts(silent, pg2), noChoice));
  assert.equal(refused.rule, "primary-heard");
  assert.match(
    refused.missing,
    /pg2 has heard from pg1\.internal:5432 .* cannot be told .* if it is that of pg1, it is alive/,
  );
  assert.match(refused.provide, /`replication:` of that node/);
});

for (const [name, more, started] of [
  ["which resolves", { resolved }, true],
  ["which does not", {}, false],
] as const)
  test(`a cascade by a name, ${name}, ${started ? "keeps" : "may keep"} no primary from its start`, () => {
    const pg1 = placed(dead("pg1", { onDisk: onDisk(), remembered: remembered("pg1") }));
    const all = { ...facts(pg1, quiet, standby("pg3", cascade)), ...more };
    const refused = refuseStart(all, pg1);
    assert.equal(refused?.rule, started ? undefined : "primary-alive");
    if (refused !== undefined)
      assert.match(refused.missing, /pg2\.internal:5432, and whose address that is cannot be told/);
  });

test("a plan that stopped after its fence: all stream from the standby pg1, by its name, and one of them is promoted", () => {
  const pg1 = { ...standby("pg1", { conninfo: "" }), remembered: remembered("pg1") };
  const all = facts(pg1, standby("pg2", byName), standby("pg3", byName));
  assert.match(refusalOf(planFailover(system(), all, noChoice)).provide, /`replication:` of that node/);
  const made = planFailover(system(), { ...all, resolved }, noChoice);
  assert.ok(!isRefusal(made), isRefusal(made) ? made.missing : undefined);
});

for (const [clientsAddress, expected] of [
  ["10.0.0.1:5432", "is the one that the clients are pointed to"],
  ["10.0.0.1", "is the one that the clients are pointed to"],
  ["PG1.internal:5432", "is the one that the clients are pointed to"],
  ["nobody-knows:5432", "pointed to nobody-knows:5432, and whose address that is cannot be told"],
] as const)
  test(`two primaries, and the clients are pointed to ${clientsAddress}: a person says which is stopped`, () => {
    const [pg1, pg2] = [placed(alive("pg1", "primary")), placed(alive("pg2", "primary", { timelineId: 2 }))];
    const refused = refusalOf(planDemote(system(), { ...facts(pg1, pg2), clientsAddress, resolved }, noChoice));
    assert.equal(refused.rule, "which");
    assert.ok(refused.missing.includes(expected), refused.missing);
  });

function onDisk(): NonNullable<NodeFacts["onDisk"]> {
  return { timelineId: 1, lsn: "0/3000000", ancestors: [], control: "a", clusterState: "in production" };
}

function refusalOf(made: object): Refusal {
  assert.ok("refused" in made, "it was planned");
  return made as Refusal;
}
