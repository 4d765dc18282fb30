import type { Finding } from "../finding/finding.ts";
import type { IncidentState } from "../timeline/incident-fold.ts";

/**
 * What keeps an incident open. In most of them: what is critical. In one that never was (an asynchronous standby is
 * dead, and no client notices): a warning that needs somebody. So an outage is over when the service works again,
 * although its dead node is still to be brought back.
 */
export function graveIn({ severity, open, past }: IncidentState): (finding: Finding) => boolean {
  const isCritical = (finding: Finding) => finding.severity === "critical";
  const wasCritical =
    severity === "critical" || open.some(isCritical) || past.some(({ finding }) => isCritical(finding));
  return wasCritical ? isCritical : (finding) => isCritical(finding) || needsSomebody(finding);
}

/** A node no longer does its work: what it did is missing now, and somebody has to see to it. */
export function needsSomebody({ severity, subject, remedy, lastGoodAt }: Finding): boolean {
  return severity === "warning" && subject.kind === "node" && (remedy !== undefined || lastGoodAt !== undefined);
}

/** Who refuses our login may work again, or not: an outage is not over because we can no longer look. */
export function hidesTheEnd({ code }: Finding): boolean {
  return code === "cluster.primary-unknown";
}

/** Negative where the first is worse: by severity; and nothing is worse than two primaries, with every moment of them. */
export function byGravity(one: Finding, other: Finding): number {
  return rankOf(one) - rankOf(other);
}

function rankOf({ severity, code }: Finding): number {
  return { critical: 0, warning: 2, info: 4 }[severity] + (code === "roles.two-primaries" ? 0 : 1);
}
