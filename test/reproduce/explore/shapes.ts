import { cibXml, colocation, database, outageOf2017, virtualIp } from "./cibs.ts";

/** Clusters of many kinds, and what is to be found in each. */
export type Shape = Readonly<{
  text: string;
  faultsMax: number;
  /** The constraints that block, each with the first fault of the shortest sequence. */
  blocked: readonly (readonly [constraint: string, clone: string, faults: number])[];
}>;

const backup = virtualIp("Backup");
const sync = { Postgresql: { pg1: "1000", pg2: "100" } };
const twoNodes = { Backup: { pg2: "Started" }, Postgresql: { pg1: "Promoted", pg2: "Unpromoted" } } as const;
const stateful = (id: string, clone: string, as: "clone" | "master") =>
  database({ id, clone, agent: "Stateful", parameters: "", as });

export const shapes: Readonly<Record<string, Shape>> = {
  "nothing wrong": {
    text: outageOf2017({ direction: "D1", score: "-INFINITY", stickiness: 100 }),
    faultsMax: 2,
    blocked: [],
  },
  "two nodes": {
    text: cibXml({
      nodes: ["pg1", "pg2"],
      resources: backup + database({ id: "Postgresql", clone: "ms" }),
      constraints: colocation("apart", "-INFINITY", "ms:Master", "Backup"),
      stickiness: 100,
      roles: twoNodes,
      scores: sync,
    }),
    faultsMax: 2,
    blocked: [["apart", "ms", 1]],
  },
  "five nodes": {
    text: cibXml({
      nodes: ["pg1", "pg2", "pg3", "pg4", "pg5"],
      resources: backup + database({ id: "Postgresql", clone: "ms" }),
      constraints: colocation("apart", "-INFINITY", "ms:Master", "Backup"),
      stickiness: 100,
      properties: { "no-quorum-policy": "stop" },
      roles: {
        ...twoNodes,
        Postgresql: { ...twoNodes.Postgresql, pg3: "Unpromoted", pg4: "Unpromoted", pg5: "Unpromoted" },
      },
      scores: { Postgresql: { ...sync.Postgresql, pg3: "-INFINITY", pg4: "-INFINITY", pg5: "-INFINITY" } },
    }),
    faultsMax: 1,
    blocked: [["apart", "ms", 1]],
  },
  "two databases": {
    text: cibXml({
      resources:
        virtualIp("Backup") + database({ id: "Postgresql", clone: "ms" }) + stateful("Redis", "cache", "clone"),
      constraints: colocation("apart", "-INFINITY", "cache:Master", "Backup"),
      stickiness: 100,
      roles: {
        Backup: { pg2: "Started" },
        Postgresql: { pg1: "Promoted", pg2: "Unpromoted", pg3: "Unpromoted" },
        Redis: { pg1: "Promoted", pg2: "Unpromoted", pg3: "Unpromoted" },
      },
      scores: {
        Postgresql: { pg1: "1000", pg2: "100", pg3: "-INFINITY" },
        Redis: { pg1: "10", pg2: "5", pg3: "-INFINITY" },
      },
    }),
    faultsMax: 1,
    blocked: [["apart", "cache", 1]],
  },
  "a resource set": {
    text: cibXml({
      nodes: ["pg1", "pg2"],
      resources: backup + database({ id: "Postgresql", clone: "ms" }),
      constraints: `<rsc_colocation id="apart" score="-INFINITY">
        <resource_set id="set-1" role="Master"><resource_ref id="ms"/></resource_set>
        <resource_set id="set-2"><resource_ref id="Backup"/></resource_set></rsc_colocation>`,
      stickiness: 100,
      roles: twoNodes,
      scores: sync,
    }),
    faultsMax: 1,
    blocked: [["apart", "ms", 1]],
  },
  "a location that outweighs the promotion score": {
    text: cibXml({
      resources: database({ id: "Postgresql", clone: "ms" }),
      constraints: location(-2000),
      roles: { Postgresql: { pg1: "Promoted", pg2: "Unpromoted", pg3: "Unpromoted" } },
      scores: { Postgresql: { ...sync.Postgresql, pg3: "-INFINITY" } },
    }),
    faultsMax: 1,
    blocked: [["rarely-here", "ms", 1]],
  },
  "a location that forbids, as somebody wanted": {
    text: cibXml({
      resources: database({ id: "Postgresql", clone: "ms" }),
      constraints: location("-INFINITY"),
      roles: { Postgresql: { pg1: "Promoted", pg2: "Unpromoted", pg3: "Unpromoted" } },
      scores: { Postgresql: { ...sync.Postgresql, pg3: "-INFINITY" } },
    }),
    faultsMax: 1,
    blocked: [],
  },
  "a clone with promotable=true, of an agent that nobody knows": {
    text: cibXml({
      nodes: ["pg1", "pg2"],
      resources: backup + stateful("Thing", "things", "clone"),
      constraints: colocation("apart", "-INFINITY", "things:Master", "Backup"),
      stickiness: 100,
      roles: { Backup: { pg2: "Started" }, Thing: { pg1: "Promoted", pg2: "Unpromoted" } },
      scores: { Thing: { pg1: "10", pg2: "5" } },
    }),
    faultsMax: 2,
    blocked: [["apart", "things", 1]],
  },
  "two rules that block together": {
    text: cibXml({
      nodes: ["pg1", "pg2"],
      resources: virtualIp("Backup") + virtualIp("Report") + database({ id: "Postgresql", clone: "ms" }),
      constraints:
        colocation("apart-from-backup", "-INFINITY", "ms:Master", "Backup") +
        colocation("apart-from-report", "-INFINITY", "ms:Master", "Report"),
      stickiness: 100,
      roles: { ...twoNodes, Report: { pg2: "Started" } },
      scores: sync,
    }),
    faultsMax: 1,
    // One of them is enough where the other VIP was moved onto the primary's node first, which ends the primary there.
    blocked: [
      ["apart-from-backup", "ms", 1],
      ["apart-from-report", "ms", 1],
      ["apart-from-backup, apart-from-report", "ms", 1],
    ],
  },
  "a configuration only": {
    text: cibXml({
      resources: backup + database({ id: "Postgresql", clone: "ms" }),
      constraints: colocation("apart", "-INFINITY", "ms:Master", "Backup"),
      stickiness: 100,
    }),
    faultsMax: 2,
    // The scheduler puts the VIP on the first node, and the primary makes way for it: the standbys are on the others.
    blocked: [["apart", "ms", 2]],
  },
};

function location(score: string | number): string {
  return `<rsc_location id="rarely-here" rsc="ms"><rule id="rarely-here-rule" role="Master" score="${score}"><expression id="rarely-here-rule-node" attribute="#uname" operation="eq" value="pg2"/></rule></rsc_location>`;
}
