import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Cib, type Primitive, readCib } from "../../../src/drivers/pacemaker/cib.ts";
import type { ClusterStatus, Place, Role } from "../../../src/drivers/pacemaker/cluster-status.ts";
import { decisionOfLog } from "../../../src/drivers/pacemaker/decision.ts";
import { cibXml, database, virtualIp } from "../../reproduce/explore/cibs.ts";

const both = readCib(cibXml({ resources: virtualIp("VIP") + database({ id: "Postgresql", clone: "ms" }) }));
const [vip, postgresql] = both.primitives as [Primitive, Primitive];

function only(primitive: Primitive): Cib {
  return { ...both, primitives: [primitive] };
}

/** What the log says of one resource, and where it is then. */
function rolesAfter(primitive: Primitive, line: string, before: Partial<ClusterStatus> = {}): readonly string[] {
  const decision = decisionOfLog([line], only(primitive), statusOf(before));
  assert.ok(decision !== undefined, "not understood");
  return [...decision.roles].map(([place, role]) => `${place} ${role}`);
}

function statusOf(given: Partial<ClusterStatus>): ClusterStatus {
  const nothing = { online: new Set<string>(), roles: new Map(), scores: new Map(), failCounts: new Map() };
  return { ...nothing, failed: new Set<Place>(), ...given };
}

describe("the scheduler's log, line by line", () => {
  const notice = (text: string) => `(log_list_item) \tnotice: Actions: ${text}`;
  const leave = (text: string) => `(rsc_action_default) \tinfo: Leave   ${text}`;
  const table: readonly [Primitive, string, readonly string[]][] = [
    [vip, leave("VIP\t(Started pg1)"), ["VIP@pg1 Started"]],
    [vip, leave("VIP\t(Stopped)"), []],
    [postgresql, leave("Postgresql:1\t(Promoted pg2)"), ["Postgresql@pg2 Promoted"]],
    [postgresql, leave("Postgresql:1\t(Master pg2)"), ["Postgresql@pg2 Promoted"]],
    [vip, notice("Start      VIP     (   pg2 )"), ["VIP@pg2 Started"]],
    [vip, notice("Stop       VIP     (   pg2 )  due to node availability"), []],
    [vip, notice("Move       VIP     ( pg1 -> pg2 )"), ["VIP@pg2 Started"]],
    [vip, notice("Recover    VIP     (   pg2 )"), ["VIP@pg2 Started"]],
    [vip, notice("Recover    VIP     ( pg1 -> pg2 )"), ["VIP@pg2 Started"]],
    [
      postgresql,
      notice("Start      Postgresql:1            (                     pg3 )"),
      ["Postgresql@pg3 Unpromoted"],
    ],
    [postgresql, notice("Promote    Postgresql:0     ( Stopped -> Promoted pg2 )"), ["Postgresql@pg2 Promoted"]],
    [postgresql, notice("Promote    Postgresql:0     ( Unpromoted -> Promoted pg2 )"), ["Postgresql@pg2 Promoted"]],
    [postgresql, notice("Demote     Postgresql:0     ( Promoted -> Unpromoted pg1 )"), ["Postgresql@pg1 Unpromoted"]],
    [postgresql, notice("Stop       Postgresql:0     (  Promoted pg1 )  due to node availability"), []],
    [postgresql, notice("Recover    Postgresql:0     (  Unpromoted pg1 )"), ["Postgresql@pg1 Unpromoted"]],
    [
      postgresql,
      notice("Move       Postgresql:0     ( Promoted pg1 -> Unpromoted pg2 )"),
      ["Postgresql@pg2 Unpromoted"],
    ],
    [postgresql, notice("Move       Postgresql:0     ( pg1 -> pg2 Promoted )"), ["Postgresql@pg2 Promoted"]],
    // What is blocked does not happen.
    [vip, notice("Start      VIP     (   pg2 )  due to unrunnable other start (blocked)"), []],
    [vip, notice("Move       VIP     ( pg1 -> pg2 )  blocked"), ["VIP@pg1 Started"]],
    [
      postgresql,
      notice("Promote    Postgresql:0     ( Unpromoted -> Promoted pg2 )  blocked"),
      ["Postgresql@pg2 Unpromoted"],
    ],
    [postgresql, notice("Stop       Postgresql:0     ( Promoted pg2 )  blocked"), ["Postgresql@pg2 Promoted"]],
  ];
  for (const [primitive, line, roles] of table)
    test(line.slice(line.indexOf(":") + 2), () => {
      assert.deepEqual(rolesAfter(primitive, line), roles);
    });

  test("what is not managed stays as it is, with its failure", () => {
    const roles = new Map<Place, Role>([["VIP@pg3", "Started"]]);
    const before = statusOf({ roles, failed: new Set<Place>(["VIP@pg3"]) });
    const lines = ["(rsc_action_default) \tinfo: Leave   VIP\t(Started unmanaged)"];
    const decision = decisionOfLog(lines, only(vip), before);
    assert.deepEqual(decision?.roles, roles);
    assert.deepEqual([...(decision?.failed ?? [])], ["VIP@pg3"]);
  });

  test("a node that is powered off", () => {
    const lines = [notice("Fence (reboot) pg1 'peer is no longer part of the cluster'"), leave("VIP\t(Started pg2)")];
    const decision = decisionOfLog(lines, only(vip), statusOf({}));
    assert.deepEqual([...(decision?.fenced ?? [])], ["pg1"]);
  });

  test("a log that is silent about a resource is not understood", () => {
    assert.equal(decisionOfLog([leave("VIP\t(Started pg1)")], both, statusOf({})), undefined);
  });
});
