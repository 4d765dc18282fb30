import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { type Elected, promotedSince } from "../../src/mitigate/promoted-since.ts";
import { alive, ancestorsOf, dead, facts, remembered } from "./fixtures.ts";

/* pg1 was the primary and is fenced, pg2 is elected; what became of pg3 meanwhile decides. */

const disk = (timelineId: number, endLsn?: string) => ({
  timelineId,
  lsn: "0/3000100",
  ancestors: endLsn === undefined ? ancestorsOf(timelineId) : [{ timelineId: 1, endLsn }],
  control: "a",
  clusterState: "in production",
});
const down = (node: string, timelineId: number, change: Partial<NodeFacts> = {}) =>
  dead(node, { onDisk: disk(timelineId), ...change });
const { instance: _, ...hostless } = dead("pg3", { hostProblem: "no route", remembered: remembered("pg3") });
const standby = (node: string, timelineId = 1) => alive(node, "standby", { receiver: null, timelineId });
const asPrimary = (node: string, position: number) => ({ asPrimary: { ...remembered(node), position } });

const cases: readonly (readonly [
  name: string,
  pg2: NodeFacts,
  pg3: NodeFacts,
  expected: RegExp | undefined,
  change?: Partial<Elected> & Readonly<{ pg1?: NodeFacts }>,
])[] = [
  ["pg3 is a standby", standby("pg2"), standby("pg3"), undefined],
  ["pg3 died as a standby", standby("pg2"), down("pg3", 1), undefined],
  ["pg3 was promoted, and died", standby("pg2"), down("pg3", 2), /pg3 is on timeline 2/],
  [
    "pg3 was promoted before it had all that pg2 has",
    standby("pg2"),
    down("pg3", 2, { onDisk: disk(2, "0/2000000") }),
    /pg3 is on timeline 2/,
  ],
  ["pg3 was promoted, and is a standby again", standby("pg2"), standby("pg3", 2), /pg3 is on timeline 2/],
  ["pg2 followed it", standby("pg2", 2), down("pg3", 2), /pg2 was on timeline 1 .* timeline 2 by now/],
  [
    "pg2 is being elected, and is on that line",
    standby("pg2", 2),
    down("pg3", 2),
    undefined,
    { timelineId: undefined },
  ],
  [
    "pg3 was on a branch when the plan was made",
    standby("pg2"),
    down("pg3", 2),
    undefined,
    { timelines: { pg1: 1, pg2: 1, pg3: 2 } },
  ],
  [
    "pg3 was on a branch when the plan was made, and was promoted since",
    standby("pg2"),
    down("pg3", 3),
    /pg3 is on timeline 3/,
    { timelines: { pg1: 1, pg2: 1, pg3: 2 } },
  ],
  [
    "pg2 does not tell its history, and pg3 lags",
    { ...standby("pg2", 3), walEnd: { timelineId: 3, lsn: "0/3000100", ancestors: undefined } },
    standby("pg3", 2),
    /went on from timeline 2, on which pg3 is, cannot be told/,
    { timelineId: 3 },
  ],
  ["pg1 followed it", standby("pg2"), standby("pg3"), /pg1 is on timeline 2/, { pg1: standby("pg1", 2) }],
  ["pg3 cannot be asked", standby("pg2"), hostless, /pg3 is cannot be told/],
  ["pg3 cannot be asked, pg1 followed it", standby("pg2"), hostless, /pg1 is on timeline 2/, { pg1: down("pg1", 2) }],
  [
    "pg2 would not tell",
    { ...standby("pg2"), walEnd: undefined } as unknown as NodeFacts,
    standby("pg3"),
    /pg2 is by now cannot be told/,
  ],
  [
    "pg3 was seen as the primary since",
    standby("pg2"),
    down("pg3", 1, asPrimary("pg3", 8)),
    /pg3 was seen as the primary since/,
  ],
  ["pg3 was seen as the primary before", standby("pg2"), down("pg3", 1, asPrimary("pg3", 6)), undefined],
  [
    "pg1 was seen as the primary while the plan went on",
    standby("pg2"),
    standby("pg3"),
    undefined,
    { pg1: down("pg1", 1, asPrimary("pg1", 8)) },
  ],
  [
    "pg1 is on a line that a failover before gave up",
    standby("pg2", 2),
    standby("pg3", 2),
    undefined,
    { pg1: down("pg1", 1), timelineId: 2 },
  ],
];

for (const [name, pg2, pg3, expected, change = {}] of cases)
  test(`promoted since: ${name}`, () => {
    const { pg1 = down("pg1", 1), ...more } = change;
    const elected = { node: "pg2", timelineId: 1, old: "pg1", plannedAt: 7, ...more } as Elected;
    const overtaken = promotedSince(facts(pg1, pg2, pg3), elected);
    assert.equal(overtaken?.isSeen, expected && !/told/.test(expected.source));
    if (expected !== undefined) assert.match(overtaken?.why ?? "nobody", expected);
  });
