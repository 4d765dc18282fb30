import { refText } from "../../finding/finding.ts";
import { code, inline, list, table } from "../markdown.ts";
import { type Story, stoppedService } from "../story.ts";
import { durationText, instantText, times } from "../times.ts";

/** What it was, how long it lasted, what it cost. */
export function summary({ incident }: Story): string {
  const rows: [string, string][] = [
    ["Incident", code(incident.id)],
    ["What", `${inline(incident.title)} (${code(refText(incident.subject))})`],
    ["Severity", incident.severity],
    ["State", incident.status],
    [stoppedService(incident) ? "Duration" : "Duration (nothing critical was found)", duration({ incident })],
    ["Impact", impact({ incident })],
    ["People", people({ incident })],
  ];
  return table(["", ""], rows);
}

/** How long each part took. */
export function timesTable({ incident }: Story): string {
  const took = times(incident);
  const text = (ms: number | null) => (ms === null ? "not recorded" : durationText(ms));
  return table(
    ["", "Took", "From", "Until"],
    [
      ["Detect", text(took.detectMs), at(incident.times.outageStart), at(incident.times.noticedAt)],
      ["Acknowledge", text(took.acknowledgeMs), at(incident.times.noticedAt), at(incident.times.acknowledgedAt)],
      ["Mitigate", text(took.mitigateMs), at(start(incident)), at(incident.times.mitigatedAt)],
      ["Recover", text(took.recoverMs), at(start(incident)), at(incident.times.recoveredAt)],
    ],
  );
}

function start(incident: Story["incident"]): string {
  return incident.times.outageStart ?? incident.times.noticedAt;
}

function at(instant: string | null): string {
  return instant === null ? "not recorded" : instantText(instant);
}

function duration({ incident }: Pick<Story, "incident">): string {
  const { outageMs } = times(incident);
  const spans = incident.outages.map(({ from, to }) =>
    to === null ? `since ${instantText(from)}` : `${instantText(from)} to ${instantText(to)}`,
  );
  const total = outageMs === null ? "not over" : durationText(outageMs);
  if (spans.length === 1) return `${total} (${spans[0]} UTC)`;
  // A service that flapped for hours: the first and the last say enough here.
  const shown = spans.length <= 5 ? spans : [...spans.slice(0, 2), "…", ...spans.slice(-2)];
  return `${total} in ${spans.length} spans (${shown.join("; ")} UTC)`;
}

function impact({ incident }: Pick<Story, "incident">): string {
  if (incident.impact.length === 0) return "not measured";
  return incident.impact
    .map(
      ({ service, failed, requests, from, to }) =>
        `${inline(service)}: ${failed} of ${requests} requests failed (${instantText(from)} to ${instantText(to)} UTC)`,
    )
    .join("; ");
}

function people({ incident }: Pick<Story, "incident">): string {
  if (incident.people.length === 0) return "nobody acknowledged it or took a role";
  return incident.people
    .map(({ who, roles }) => (roles.length === 0 ? inline(who) : `${inline(who)} (${roles.map(inline).join(", ")})`))
    .join("; ");
}

/** What was wrong, with the evidence; for the appendix. */
export function findingsList({ incident }: Story): string {
  const all = [
    ...incident.past.map(({ finding, clearedAt }) => ({ finding, until: `until ${instantText(clearedAt)}` })),
    ...incident.open.map((finding) => ({ finding, until: "still there" })),
  ];
  if (all.length === 0) return "None: it was opened by hand.";
  const shown = all.slice(0, 50);
  const lines = shown.map(({ finding, until }) => {
    const evidence = finding.evidence.map(({ label, value }) => `${inline(label)} ${inline(value)}`).join("; ");
    const seen = `seen ${instantText(finding.seenAt)}, ${until}`;
    return `${code(finding.code)} of ${code(refText(finding.subject))} (${finding.severity}, ${seen}): ${inline(finding.title)}${evidence === "" ? "" : ` — ${evidence}`}`;
  });
  return list(all.length > shown.length ? [...lines, `and ${all.length - shown.length} more`] : lines);
}
