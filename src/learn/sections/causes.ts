import type { IncidentEvent } from "../../timeline/incident.ts";
import type { Hypothesis } from "../../timeline/incident-fold.ts";
import { code, inline, list } from "../markdown.ts";
import type { Story } from "../story.ts";
import { durationText, instantText, times } from "../times.ts";

export const toBeFilledIn = "*to be filled in*";

/** How it came to be known. */
export function detection({ incident, events }: Story): string {
  const opened = events[0] as unknown as Extract<IncidentEvent, { kind: "incident.opened" }>;
  const by = events[0]?.by ?? "watch";
  const { detectMs } = times(incident);
  const after =
    detectMs === null
      ? "How long after it began is not recorded: there was no good observation before."
      : `That is ${durationText(detectMs)} after the last good observation.`;
  const found = opened.data.findings.map(
    ({ title, code: name, lastGoodAt }) =>
      `${inline(title)} ${code(name)}${lastGoodAt === undefined ? "" : `, last seen well at ${instantText(lastGoodAt)}`}`,
  );
  const noticed = `at ${instantText(incident.times.noticedAt)} UTC. ${after}`;
  if (found.length === 0) return `Opened by ${inline(by)}, no check had found it, ${noticed}`;
  return [`Noticed by ${inline(by)} ${noticed} What was seen:`, list(found)].join("\n\n");
}

/** Left to the people; what they have thought of it, and what they ruled out, stands here. */
export function rootCause({ incident }: Story): string {
  const groups = [
    ["Confirmed", incident.hypotheses.filter(({ state }) => state === "confirmed")],
    ["Neither confirmed nor ruled out", incident.hypotheses.filter(({ state }) => state === "raised")],
    ["Ruled out", incident.hypotheses.filter(({ state }) => state === "ruled-out")],
  ] as const;
  const told = groups
    .filter(([, some]) => some.length > 0)
    .map(([name, some]) => `**${name}**\n\n${some.map(hypothesis).join("\n")}`);
  return [`Root cause: ${toBeFilledIn}`, ...(told.length === 0 ? ["No hypothesis was recorded."] : told)].join("\n\n");
}

function hypothesis({ id, text, by, raisedAt, evidence }: Hypothesis): string {
  const given = evidence.map(
    (one) => `  - ${one.for ? "for" : "against"} (${inline(one.by)}, ${instantText(one.at)}): ${inline(one.text)}`,
  );
  return [`- ${inline(id)}: ${inline(text)} (${inline(by)}, ${instantText(raisedAt)})`, ...given].join("\n");
}
