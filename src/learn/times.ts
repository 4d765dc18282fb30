import { type Instant, millisecondsBetween } from "../base/time.ts";
import type { IncidentState } from "../timeline/incident-fold.ts";

/** In milliseconds; null where one of the two instants is not known (yet). */
export type Durations = Readonly<{
  /** From the outage's start until it was noticed. */
  detectMs: number | null;
  /** From noticing until somebody said “I have it”. */
  acknowledgeMs: number | null;
  /** From the outage's start (where it is not known: from noticing) until the service worked again. */
  mitigateMs: number | null;
  /** From there too, until data, caches, alerts and workarounds were settled. */
  recoverMs: number | null;
  /** How long the service did not work, over all outages of the incident; null while one lasts. */
  outageMs: number | null;
}>;

/** How long everything took, from the instants in the timeline. */
export function times({ times: at, outages }: IncidentState): Durations {
  const start = at.outageStart ?? at.noticedAt;
  const lasts = outages.some(({ to }) => to === null);
  return {
    detectMs: between(at.outageStart, at.noticedAt),
    acknowledgeMs: between(at.noticedAt, at.acknowledgedAt),
    mitigateMs: between(start, at.mitigatedAt),
    recoverMs: between(start, at.recoveredAt),
    outageMs: lasts ? null : outages.reduce((sum, { from, to }) => sum + (between(from, to) ?? 0), 0),
  };
}

function between(from: Instant | null, to: Instant | null): number | null {
  return from === null || to === null ? null : Math.max(0, millisecondsBetween(from, to));
}

/** `12 ms`, `3.402 s`, `14 min 3 s`, `2 h 5 min`, `1 d 3 h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${ms / 1000} s`;
  const [large, small] = (
    [
      [86_400_000, "d", 3_600_000, "h"],
      [3_600_000, "h", 60_000, "min"],
      [60_000, "min", 1000, "s"],
    ] as const
  ).flatMap(([unit, name, part, partName]) =>
    ms >= unit ? [`${Math.floor(ms / unit)} ${name}`, `${Math.floor((ms % unit) / part)} ${partName}`] : [],
  );
  return `${large} ${small}`;
}

/** `2026-11-20 03:07:12.345`, in UTC. */
export function instantText(at: Instant): string {
  return at.replace("T", " ").replace("Z", "");
}
