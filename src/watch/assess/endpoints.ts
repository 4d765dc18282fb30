import { withoutPassword } from "../../system/secrets.ts";
import type { System } from "../../system/schema.ts";
import { dependenciesOf } from "../../system/graph.ts";
import { type Ref, refText } from "../../finding/finding.ts";
import type { Facts, Found } from "../facts.ts";
import { lastGood, request } from "./roles.ts";
import { listText } from "./words.ts";

/**
 * Services and caches that do not answer.
 * @param critical what is critically wrong elsewhere: a service that needs it is down because of it, and restarting the
 *   service would not help
 */
export function assessEndpoints(system: System, facts: Facts, critical: readonly Found[]): readonly Found[] {
  const caches = facts.caches.flatMap((cache): Found[] => {
    if (cache.state !== "bad") return [];
    const common = {
      subject: { kind: "cache", name: cache.name },
      evidence: [
        { label: "seen", value: cache.detail ?? "" },
        { label: "address", value: withoutPassword(system.caches[cache.name]?.redis ?? "") },
      ],
      ...lastGood(cache.lastGood?.at),
    } as const;
    if (cache.refused === true)
      return [
        {
          ...common,
          code: "cache.access-refused",
          severity: "warning",
          title: `${cache.name} is up but refuses our login.`,
        },
      ];
    return [{ ...common, code: "cache.down", severity: "critical", title: `${cache.name} does not answer.` }];
  });
  return [...caches, ...servicesDown(system, facts, [...critical, ...caches])];
}

function servicesDown(system: System, facts: Facts, critical: readonly Found[]): readonly Found[] {
  const bad = new Set(facts.services.filter((one) => one.state === "bad").map((one) => one.name));
  return facts.services.flatMap((service): Found[] => {
    if (service.state !== "bad") return [];
    const subject: Ref = { kind: "service", name: service.name };
    const needs = dependenciesOf(system, subject);
    const causes = critical.filter(
      (one) => one.severity === "critical" && needs.some((need) => refText(need) === refText(one.subject)),
    );
    const needed = needs.filter((need) => need.kind === "service" && bad.has(need.name)).map((need) => need.name);
    const because = listText([...new Set([...causes.map((one) => one.subject.name), ...needed])]);
    const canRestart = system.services[service.name]?.restart !== undefined && because === "";
    return [
      {
        code: "service.down",
        severity: "critical",
        subject,
        title: `${service.name} does not work${because === "" ? "" : `; it needs ${because}, which is in trouble`}.`,
        evidence: [
          { label: "seen", value: service.detail ?? "" },
          { label: "probe", value: withoutPassword(system.services[service.name]?.probe ?? "") },
          ...causes.map((one) => ({ label: "needs", value: one.title })),
        ],
        ...(canRestart ? { remedy: request("restart", subject) } : {}),
        ...lastGood(service.lastGood?.at),
      },
    ];
  });
}
