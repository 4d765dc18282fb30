import assert from "node:assert/strict";
import { test } from "node:test";
import { assess } from "../../src/watch/assess/assess.ts";
import type { Facts, Moment } from "../../src/watch/facts.ts";
import {
  factsOf,
  gone,
  healthy,
  moment,
  node,
  now,
  primaryPulse,
  sender,
  standbyPulse,
  systemOf,
  receiver,
  seen,
} from "./facts-of.ts";

const [pg1, pg2, pg3] = healthy;
const synchronous = {
  synchronousStandbyNames: "FIRST 1 (pg2)",
  senders: [sender("pg2", { syncState: "sync" }), sender("pg3")],
};
const alone = primaryPulse({ ...synchronous, senders: [sender("pg3")] });
const broken = { receiver: null };
const quiet = (since: Moment) => ({ persisting: { notFollowing: since } });
const forkAt = { timelineId: 1, endLsn: "0/2000000" };

const table: readonly (readonly [what: string, facts: Facts, expected: readonly string[]])[] = [
  ["all is well", factsOf(pg1, pg2, pg3), []],
  ["nothing is known yet", factsOf(node("pg1", undefined, { condition: { kind: "unknown" } }), pg2, pg3), []],
  [
    "the primary is dead: one finding with the remedy, one for the node, none for the standbys' broken streams",
    factsOf(
      node("pg1", primaryPulse(), gone("down")),
      node("pg2", standbyPulse("pg2", broken), quiet(moment(0))),
      node("pg3", standbyPulse("pg3", broken), quiet(moment(0))),
    ),
    ["critical cluster.no-primary cluster:ledger -> failover ledger", "critical node.down node:ledger/pg1"],
  ],
  [
    "the primary hangs",
    factsOf(node("pg1", primaryPulse(), gone("hanging")), pg2, pg3),
    ["critical cluster.no-primary cluster:ledger -> failover ledger", "critical node.hanging node:ledger/pg1"],
  ],
  [
    "the network to the primary is cut, and nobody else hears it either",
    factsOf(node("pg1", primaryPulse(), gone("unreachable")), pg2, pg3),
    ["critical cluster.no-primary cluster:ledger -> failover ledger", "critical node.unreachable node:ledger/pg1"],
  ],
  [
    "the network from here to the primary is cut, but a standby still hears it",
    factsOf(
      node("pg1", primaryPulse(), { ...gone("unreachable", now.ms - 5000), lastGood: moment(now.ms - 6000) }),
      node(
        "pg2",
        standbyPulse("pg2", {
          receiver: receiver({ lastMessageAgeMs: 50 }),
        }),
      ),
      pg3,
    ),
    ["warning node.unreachable node:ledger/pg1"],
  ],
  [
    "a message from before the silence proves nothing",
    factsOf(
      node("pg1", primaryPulse(), { ...gone("unreachable", now.ms - 5000), lastGood: moment(now.ms - 6000) }),
      node(
        "pg2",
        standbyPulse("pg2", {
          receiver: receiver({ lastMessageAgeMs: 5900 }),
        }),
      ),
      pg3,
    ),
    ["critical cluster.no-primary cluster:ledger -> failover ledger", "critical node.unreachable node:ledger/pg1"],
  ],
  [
    "the primary recovers from a crash by itself: no failover is asked for yet",
    factsOf(node("pg1", primaryPulse(), gone("starting", now.ms - 500)), pg2, pg3),
    ["critical node.starting node:ledger/pg1"],
  ],
  [
    "it takes too long",
    factsOf(node("pg1", primaryPulse(), gone("starting", now.ms - 10_001)), pg2, pg3),
    ["critical cluster.no-primary cluster:ledger -> failover ledger", "critical node.starting node:ledger/pg1"],
  ],
  [
    "the password is wrong: that is not down",
    factsOf(node("pg1", primaryPulse(), gone("refused")), pg2, pg3),
    ["warning cluster.primary-unknown cluster:ledger", "warning node.access-refused node:ledger/pg1"],
  ],
  [
    "the password was always wrong: it may well be the primary",
    factsOf(node("pg1", undefined, gone("refused")), pg2, pg3),
    ["warning cluster.primary-unknown cluster:ledger", "warning node.access-refused node:ledger/pg1"],
  ],
  [
    "all refuse only our login: nothing is known to be out",
    factsOf(
      node("pg1", undefined, gone("refused")),
      node("pg2", undefined, gone("refused")),
      node("pg3", undefined, gone("refused")),
    ),
    [
      "warning cluster.primary-unknown cluster:ledger",
      "warning node.access-refused node:ledger/pg1",
      "warning node.access-refused node:ledger/pg2",
      "warning node.access-refused node:ledger/pg3",
    ],
  ],
  [
    "the primary is dead, and a standby refuses our login",
    factsOf(node("pg1", primaryPulse(), gone("down")), pg2, node("pg3", standbyPulse("pg3"), gone("refused"))),
    [
      "critical cluster.no-primary cluster:ledger -> failover ledger",
      "critical node.down node:ledger/pg1",
      "warning node.access-refused node:ledger/pg3",
    ],
  ],
  [
    "no connection is left",
    factsOf(
      node("pg1", primaryPulse(), {
        ...gone("refused"),
        condition: { kind: "refused", sqlstate: "53300", detail: "too many clients" },
      }),
      pg2,
      pg3,
    ),
    ["critical connections.exhausted node:ledger/pg1"],
  ],
  [
    "the asynchronous standby is dead: the service works",
    factsOf(
      node("pg1", primaryPulse({ ...synchronous, senders: [sender("pg2", { syncState: "sync" })] })),
      pg2,
      node("pg3", standbyPulse("pg3"), gone("down")),
    ),
    ["warning node.down node:ledger/pg3 -> restart ledger/pg3"],
  ],
  [
    "the synchronous standby is dead: commits hang",
    factsOf(node("pg1", alone), node("pg2", standbyPulse("pg2"), gone("down")), pg3),
    [
      "critical replication.synchronous-missing cluster:ledger -> degrade-synchronous ledger",
      "warning node.down node:ledger/pg2 -> restart ledger/pg2",
    ],
  ],
  [
    "the synchronous standby hangs: its sender still says streaming",
    factsOf(node("pg1", primaryPulse(synchronous)), node("pg2", standbyPulse("pg2"), gone("hanging")), pg3),
    [
      "critical replication.synchronous-missing cluster:ledger -> degrade-synchronous ledger",
      "warning node.hanging node:ledger/pg2 -> restart ledger/pg2",
    ],
  ],
  [
    "the synchronous standby's receiver is being started again: nobody is woken",
    factsOf(node("pg1", alone), node("pg2", standbyPulse("pg2", broken), quiet(moment(now.ms - 500))), pg3),
    [],
  ],
  [
    "the synchronous standby is up and has not streamed for a while",
    factsOf(node("pg1", alone), node("pg2", standbyPulse("pg2", broken), quiet(moment(now.ms - 3000))), pg3),
    [
      "critical replication.synchronous-missing cluster:ledger -> degrade-synchronous ledger",
      "warning replication.not-streaming node:ledger/pg2 -> rejoin ledger/pg2",
    ],
  ],
  [
    "it streams and confirms nothing, and sessions wait",
    factsOf(
      node("pg1", primaryPulse({ ...synchronous, synchronousWaiters: 4 }), {
        persisting: { synchronousStalled: moment(now.ms - 2500) },
      }),
      pg2,
      pg3,
    ),
    ["critical replication.synchronous-missing cluster:ledger -> degrade-synchronous ledger"],
  ],
  [
    "FIRST 1 of two: the other one steps in",
    factsOf(
      node(
        "pg1",
        primaryPulse({
          synchronousStandbyNames: "FIRST 1 (pg2, pg3)",
          senders: [sender("pg3", { syncState: "sync" })],
        }),
      ),
      node("pg2", standbyPulse("pg2"), gone("down")),
      pg3,
    ),
    ["warning node.down node:ledger/pg2 -> restart ledger/pg2"],
  ],
  [
    "ANY 2 of two, one dead: commits hang",
    factsOf(
      node(
        "pg1",
        primaryPulse({
          synchronousStandbyNames: "ANY 2 (pg2, PG3)",
          senders: [sender("pg3", { syncState: "quorum" })],
        }),
      ),
      node("pg2", standbyPulse("pg2"), gone("down")),
      pg3,
    ),
    [
      "critical replication.synchronous-missing cluster:ledger -> degrade-synchronous ledger",
      "warning node.down node:ledger/pg2 -> restart ledger/pg2",
    ],
  ],
  [
    "* and one of two dead: the other one is enough",
    factsOf(
      node("pg1", primaryPulse({ synchronousStandbyNames: "*", senders: [sender("pg3", { syncState: "sync" })] })),
      node("pg2", standbyPulse("pg2"), gone("down")),
      pg3,
    ),
    ["warning node.down node:ledger/pg2 -> restart ledger/pg2"],
  ],
  [
    "without pg_monitor nothing is claimed of replication",
    factsOf(
      node("pg1", primaryPulse({ ...synchronous, senders: [sender("pg2", { state: null, syncState: null })] }), {
        identity: { ...(pg1.identity as NonNullable<typeof pg1.identity>), monitors: false },
      }),
      pg2,
      pg3,
    ),
    ["warning watch.rights-missing node:ledger/pg1"],
  ],
  [
    "two primaries: the one on the older timeline is stale",
    factsOf(node("pg1", primaryPulse({ senders: [] })), node("pg2", primaryPulse({ timelineId: 2, senders: [] })), pg3),
    ["critical roles.two-primaries cluster:ledger -> demote ledger/pg1"],
  ],
  [
    "two primaries: a standby promoted beside a living primary that is followed is not to cost the primary its writes",
    factsOf(pg1, pg2, node("pg3", primaryPulse({ timelineId: 2, senders: [] }), { promoted: moment(99_000) })),
    ["critical roles.two-primaries cluster:ledger"],
  ],
  [
    "two primaries: the older one came back after the promotion and is stale, whoever follows it",
    factsOf(
      node("pg1", primaryPulse(), { since: moment(99_500) }),
      node("pg2", primaryPulse({ timelineId: 2, senders: [] }), { promoted: moment(99_000) }),
      pg3,
    ),
    ["critical roles.two-primaries cluster:ledger -> demote ledger/pg1"],
  ],
  [
    "two primaries of which neither left the other's timeline: a person must decide, whatever the numbers",
    factsOf(
      node("pg1", primaryPulse({ timelineId: 2, senders: [] }), { line: { timelineId: 2, ancestors: [forkAt] } }),
      node("pg2", primaryPulse({ timelineId: 3, senders: [] }), { line: { timelineId: 3, ancestors: [forkAt] } }),
      pg3,
    ),
    ["critical roles.two-primaries cluster:ledger"],
  ],
  [
    "two primaries: the one whose timeline the other left is stale, though its number is great",
    factsOf(
      node("pg1", primaryPulse({ timelineId: 3, senders: [] }), { line: { timelineId: 3, ancestors: [forkAt] } }),
      node("pg2", primaryPulse({ timelineId: 4, lsn: "0/4000000", senders: [] }), {
        line: { timelineId: 4, ancestors: [forkAt, { timelineId: 3, endLsn: "0/2500000" }] },
      }),
      pg3,
    ),
    ["critical roles.two-primaries cluster:ledger -> demote ledger/pg1"],
  ],
  [
    "two primaries on the same timeline: the one that nobody follows is stale",
    factsOf(node("pg1", primaryPulse({ senders: [] })), node("pg2", primaryPulse({ senders: [sender("pg3")] })), pg3),
    ["critical roles.two-primaries cluster:ledger -> demote ledger/pg1"],
  ],
  [
    "two primaries that nothing tells apart: a person must decide",
    factsOf(node("pg1", primaryPulse({ senders: [] })), node("pg2", primaryPulse({ senders: [] })), pg3),
    ["critical roles.two-primaries cluster:ledger"],
  ],
  [
    "a writable server of another cluster is not a second primary",
    factsOf(
      pg1,
      pg2,
      node("pg3", primaryPulse(), {
        identity: { ...(pg1.identity as NonNullable<typeof pg1.identity>), systemIdentifier: "666" },
      }),
    ),
    ["critical cluster.foreign-node node:ledger/pg3"],
  ],
  [
    "all are standbys",
    factsOf(node("pg1", standbyPulse("pg1"), { lastPrimary: moment(1) }), pg2, pg3),
    ["critical cluster.no-primary cluster:ledger -> failover ledger"],
  ],
  [
    "everything is down: one finding",
    factsOf(
      node("pg1", primaryPulse(), gone("down")),
      node("pg2", standbyPulse("pg2"), gone("down")),
      node("pg3", standbyPulse("pg3"), gone("hanging")),
    ),
    ["critical cluster.down cluster:ledger -> restart ledger"],
  ],
  [
    "nothing can be reached: that is not known to be down, and is not to be restarted",
    factsOf(
      node("pg1", primaryPulse(), gone("unreachable")),
      node("pg2", standbyPulse("pg2"), gone("unreachable")),
      node("pg3", standbyPulse("pg3"), gone("unreachable")),
    ),
    ["critical cluster.unreachable cluster:ledger"],
  ],
  [
    "after the failover: the old primary is a warning, and is to come back",
    factsOf(
      node("pg1", primaryPulse(), gone("down")),
      node("pg2", primaryPulse({ timelineId: 2, senders: [sender("pg3")] })),
      node("pg3", standbyPulse("pg3", { timelineId: 2 })),
    ),
    ["warning node.down node:ledger/pg1 -> rejoin ledger/pg1"],
  ],
  [
    "a standby stays on the old timeline",
    factsOf(
      node("pg1", primaryPulse({ timelineId: 2, senders: [sender("pg2")] })),
      node("pg2", standbyPulse("pg2", { timelineId: 2 })),
      node("pg3", standbyPulse("pg3", broken), quiet(moment(now.ms - 3000))),
    ),
    ["warning replication.other-timeline node:ledger/pg3 -> rejoin ledger/pg3"],
  ],
  [
    "a standby lags in bytes",
    factsOf(
      node("pg1", primaryPulse({ lsn: "0/20000000" })),
      node("pg2", standbyPulse("pg2", { lsn: "0/20000000", replayedLsn: "0/20000000" })),
      pg3,
    ),
    ["warning replication.lag node:ledger/pg3"],
  ],
  [
    "a standby lags in time",
    factsOf(pg1, node("pg2", standbyPulse("pg2"), { replayDelayMs: 61_000 }), pg3),
    ["warning replication.lag node:ledger/pg2"],
  ],
  [
    "a quiet primary: the last commit is hours old and nothing is outstanding",
    factsOf(pg1, node("pg2", standbyPulse("pg2", { replayedAgeMs: 9_000_000 })), pg3),
    [],
  ],
  [
    "replay is paused",
    factsOf(
      pg1,
      node("pg2", standbyPulse("pg2", { replayPaused: true }), { persisting: { replayPaused: moment(now.ms - 6000) } }),
      pg3,
    ),
    ["warning replication.replay-paused node:ledger/pg2"],
  ],
  [
    "replay does not move",
    factsOf(
      pg1,
      node("pg2", standbyPulse("pg2", { lsn: "0/3000100" }), { persisting: { replayStuck: moment(now.ms - 61_000) } }),
      pg3,
    ),
    ["warning replication.replay-stuck node:ledger/pg2"],
  ],
  [
    "a standby that only restores from an archive need not stream",
    factsOf(pg1, node("pg2", standbyPulse("pg2", { ...broken, wantsStreaming: false })), pg3),
    [],
  ],
  [
    "a node is slow by its own measure",
    factsOf(node("pg1", primaryPulse(), { latency: { usualMs: 2, lastMs: 400, slowSince: moment(1) } }), pg2, pg3),
    ["warning node.slow node:ledger/pg1"],
  ],
  [
    "a postmaster that hangs while its sessions answer",
    factsOf(node("pg1", primaryPulse(), { acceptsConnections: false }), pg2, pg3),
    ["critical node.accepts-no-connections node:ledger/pg1 -> restart ledger/pg1"],
  ],
];

for (const [what, facts, expected] of table)
  test(what, () => {
    assert.deepEqual(seen(facts), [...expected].toSorted());
  });

test("without a standby, a lost primary is to be restarted", () => {
  const system = systemOf({
    clusters: { solo: { nodes: { pg1: { url: "postgres://w@10.0.0.1/l" }, pg2: { url: "postgres://w@10.0.0.2/l" } } } },
  });
  const facts = factsOf(
    { ...node("pg1", primaryPulse(), gone("down")), cluster: "solo" },
    { ...node("pg2", undefined, gone("starting", now.ms - 60_000)), cluster: "solo" },
  );
  assert.ok(seen(facts, system).includes("critical cluster.no-primary cluster:solo -> restart solo/pg1"));
});

test("a login that is refused after a while of watching is no outage: it names no moment at which one began", () => {
  const refusing = factsOf(
    node("pg1", primaryPulse(), gone("refused")),
    node("pg2", standbyPulse("pg2"), gone("refused")),
    node("pg3", standbyPulse("pg3"), gone("refused")),
  );
  const found = assess(systemOf(), refusing, now);
  assert.equal(found.length, 4);
  for (const { lastGoodAt, severity } of found) assert.deepEqual([lastGoodAt, severity], [undefined, "warning"]);
  assert.equal(found[0]?.title, "It cannot be told who is the primary of ledger: pg1 refuses our login.");
});

test("the outage began at the last answer of the primary", () => {
  const lost = node("pg1", primaryPulse(), gone("down"));
  for (const finding of assess(systemOf(), factsOf(lost, pg2, pg3), now))
    assert.equal(finding.lastGoodAt, lost.lastGood?.at);
});

test("the finding of a missing synchronous standby says how many sessions wait", () => {
  const facts = factsOf(
    node("pg1", { ...alone, synchronousWaiters: 7 }),
    node("pg2", standbyPulse("pg2"), gone("down")),
    pg3,
  );
  const finding = assess(systemOf(), facts, now).find(({ code }) => code === "replication.synchronous-missing");
  assert.deepEqual(finding?.evidence[0], { label: "sessions waiting to commit", value: "7" });
  assert.match(finding?.title ?? "", /hang.*pg2 missing/);
});

test("a system file that wants synchronous commits, and a cluster that does not wait", () => {
  assert.deepEqual(seen(factsOf(...healthy), systemOf({}, { synchronous: 1 })), [
    "warning replication.synchronous-off cluster:ledger -> restore-synchronous ledger",
  ]);
});

test("what the system file ignores is not told, by its code or by code and subject", () => {
  const facts = factsOf(
    pg1,
    node("pg2", standbyPulse("pg2"), { replayDelayMs: 61_000 }),
    node("pg3", standbyPulse("pg3"), gone("down")),
  );
  const system = systemOf({ watch: { ignore: ["replication.lag", "node.down node:ledger/pg2"] } });
  assert.deepEqual(seen(facts, system), ["warning node.down node:ledger/pg3 -> restart ledger/pg3"]);
});

const withService = systemOf({
  caches: { balances: { redis: "redis://:secret@10.0.0.5" } },
  services: {
    api: { probe: "http://10.0.0.7/health", needs: ["ledger", "balances"], restart: "systemctl restart api" },
  },
});

test("a service that is down by itself is to be restarted", () => {
  const services = [{ name: "api", state: "bad", since: now, detail: "It answers with status 500." }] as const;
  assert.deepEqual(seen({ ...factsOf(...healthy), services }, withService), [
    "critical service.down service:api -> restart api",
  ]);
});

test("a service that is down because of what it needs says so, and is not to be restarted", () => {
  const services = [{ name: "api", state: "bad", since: now }] as const;
  const caches = [{ name: "balances", state: "bad", since: now }] as const;
  const found = assess(withService, { ...factsOf(...healthy), services, caches }, now);
  const service = found.find(({ code }) => code === "service.down");
  assert.equal(service?.remedy, undefined);
  assert.match(service?.title ?? "", /needs balances/);
  assert.ok(!JSON.stringify(found).includes("secret"));
});

test("a name from a server cannot steer the terminal", () => {
  const rows = [{ name: "public.i\x1b[31m\u202ex", table: "t\n\x9b2J", isUnique: false }];
  const one = node("pg1", primaryPulse(), { checked: [{ check: "indexes", at: now.at, rows }] });
  const [found] = assess(systemOf(), factsOf(one, pg2, pg3), now);
  assert.equal(found?.code, "indexes.invalid");
  assert.match(found.title, /public\.i\uFFFD\[31m\uFFFDx/);
  assert.doesNotMatch(JSON.stringify(found), /\\u00|\\n|[\x80-\x9f\u202e]/);
});

test("every pair of code and subject stands for one finding", () => {
  for (const [, facts] of table) {
    const keys = assess(systemOf(), facts, now).map(({ code, subject }) => `${code} ${subject.name}`);
    assert.equal(new Set(keys).size, keys.length);
  }
});

test("a wrong password is to be corrected, and it is said where", () => {
  const refused = factsOf(node("pg1", primaryPulse(), gone("refused")), pg2, pg3);
  const found = assess(systemOf(), refused, now).find(({ code }) => code === "node.access-refused");
  assert.match(JSON.stringify(found?.evidence), /the right password, by PGPASSWORD/);
});
