import { printable } from "../../base/printable.ts";
import { findingKey, type Finding } from "../../finding/finding.ts";
import type { System } from "../../system/schema.ts";
import { judgeChecks } from "../checks/judge.ts";
import type { Facts, Found, Moment } from "../facts.ts";
import type { Thresholds } from "../../system/thresholds.ts";
import { assessClients } from "./clients.ts";
import { assessEndpoints } from "./endpoints.ts";
import { assessNodes } from "./nodes.ts";
import { assessRoles } from "./roles.ts";
import { assessStandbys } from "./standbys.ts";
import { assessStrangers } from "./strangers.ts";
import { assessSynchronous } from "./synchronous.ts";
import { viewOf } from "./view.ts";

/**
 * Everything that is wrong, from what was last seen. Pure: the same facts at the same moment give the same findings.
 * One cause gives one finding and its direct signs, not a finding for every consequence: with a dead primary, the
 * standbys' broken streams are silent.
 */
export function assess(system: System, facts: Facts, now: Moment): readonly Finding[] {
  const { thresholds } = system.watch;
  const clusters = Object.entries(system.clusters).flatMap(([name, cluster]) =>
    assessCluster(system, facts, now, thresholds, name, cluster),
  );
  const found = [...clusters, ...assessEndpoints(system, facts, clusters)];
  const ignored = new Set(system.watch.ignore);
  const seen = new Set<string>();
  return found
    .filter((one) => !ignored.has(one.code) && !ignored.has(findingKey(one)))
    .filter((one) => !seen.has(findingKey(one)) && seen.add(findingKey(one)))
    .map((one) => ({
      ...one,
      // Names of indexes, prepared transactions and the like may hold anything.
      title: printable(one.title),
      evidence: one.evidence.map(({ label, value }) => ({ label: printable(label), value: printable(value) })),
      seenAt: now.at,
    }));
}

function assessCluster(
  system: System,
  facts: Facts,
  now: Moment,
  thresholds: Thresholds,
  name: string,
  cluster: System["clusters"][string],
): readonly Found[] {
  const view = viewOf(system, name, cluster, facts, now);
  const roles = assessRoles(view);
  return [
    ...(roles === undefined ? [] : [roles]),
    ...assessClients(
      view,
      facts.clients.find((one) => one.cluster === name),
    ),
    ...assessNodes(view),
    ...assessSynchronous(view),
    ...assessStandbys(view, thresholds),
    ...assessStrangers(view),
    ...judgeChecks(view, thresholds),
  ];
}
