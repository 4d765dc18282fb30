import { systemClock } from "../../base/time.ts";
import type { Finding } from "../../finding/finding.ts";
import { gatherFacts } from "../facts.ts";
import type { MitigationContext } from "../context.ts";
import { probeClientsFile } from "./clients-file.ts";
import { misplacedIn, probeHost } from "./host.ts";
import { type Rehearsed, rehearse } from "./rehearse.ts";
import { probeWays } from "./ways.ts";

export type Readiness = Readonly<{
  cluster: string;
  tried: readonly Rehearsed[];
  findings: readonly Finding[];
}>;

/**
 * Would a failover, a switchover, a rejoin work tonight? Looks at each cluster, rehearses the plans on what it sees, and
 * tries on each machine what the steps would do there. Changes nothing.
 */
export async function checkReady(context: MitigationContext): Promise<readonly Readiness[]> {
  const clock = context.clock ?? systemClock;
  const clusters = Object.entries(context.system.clusters);
  return Promise.all(
    clusters.map(async ([name, { clients, manager, nodes }]): Promise<Readiness> => {
      if (manager !== "none") return { cluster: name, tried: [], findings: [managed(name, manager, clock.now())] };
      const facts = await gatherFacts(context, name);
      const { tried, findings } = rehearse(context.system, facts);
      const hosts = await Promise.all(Object.keys(nodes).map((node) => probeHost(context, facts, node)));
      const ways = await probeWays(context, facts);
      const file = await probeClientsFile(name, { clients });
      const seenAt = clock.now();
      return {
        cluster: name,
        tried,
        findings: [...findings, ...hosts.flat(), ...ways, ...file].map((one) => ({ ...one, seenAt })),
      };
    }),
  );
}

/** What no plan may work on: nodes whose declared data directory is not their own. For `check` as well. */
export async function misplacedNodes(context: MitigationContext): Promise<readonly Finding[]> {
  const clusters = Object.entries(context.system.clusters).filter(([, { manager }]) => manager === "none");
  const found = clusters.map(async ([name, { nodes }]) => {
    const facts = await gatherFacts(context, name);
    return Object.keys(nodes).map((node) => misplacedIn(facts, node));
  });
  const seenAt = (context.clock ?? systemClock).now();
  return (await Promise.all(found)).flat().flatMap((one) => (one === undefined ? [] : [{ ...one, seenAt }]));
}

function managed(name: string, manager: string, seenAt: string): Finding {
  return {
    code: "ready.not-rehearsed",
    severity: "info",
    subject: { kind: "cluster", name },
    title: `${name} is managed by ${manager}, which fails it over itself: that is not rehearsed here.`,
    evidence: [],
    seenAt,
  };
}
