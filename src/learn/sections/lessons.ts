import type { IncidentEvent } from "../../timeline/incident.ts";
import { code, inline, list } from "../markdown.ts";
import { type Story, stoppedService } from "../story.ts";
import { durationText, times } from "../times.ts";
import { toBeFilledIn } from "./causes.ts";

/** What the timeline shows of what went well, went badly, or only turned out well; the people add the rest. */
export type Lesson = Readonly<{ kind: "well" | "badly" | "lucky"; text: string }>;

/** Noticed within this is fast, later than the other is slow; between them nothing is said. */
const noticedFastMs = 5_000;
const noticedSlowMs = 60_000;
/** What “Site Reliability Engineering” (O'Reilly 2016, chapter 11) gives the person on call for what users depend on. */
const acknowledgedLateMs = 300_000;

export function lessonsSection(story: Story): string {
  const all = lessons(story);
  const of = (kind: Lesson["kind"]) =>
    list([...all.filter((lesson) => lesson.kind === kind).map(({ text }) => text), toBeFilledIn]);
  return [
    "### What went well",
    of("well"),
    "### What went badly",
    of("badly"),
    "### Where we were lucky",
    of("lucky"),
  ].join("\n\n");
}

export function lessons(story: Story): readonly Lesson[] {
  return [...ofDetection(story), ...ofPeople(story), ...ofPlans(story), ...ofCourse(story)];
}

function ofDetection({ incident, events }: Story): readonly Lesson[] {
  const { detectMs } = times(incident);
  const opened = events[0] as unknown as Extract<IncidentEvent, { kind: "incident.opened" }>;
  return [
    ...(detectMs !== null && detectMs <= noticedFastMs
      ? [well(`It was noticed ${durationText(detectMs)} after the last good observation.`)]
      : []),
    ...(detectMs !== null && detectMs > noticedSlowMs
      ? [badly(`It was noticed only after ${durationText(detectMs)}.`)]
      : []),
    ...(opened.data.findings.length === 0 ? [badly("No check had found it; a person opened the incident.")] : []),
    ...(incident.impact.length === 0 ? [badly("What it cost the users was not measured.")] : []),
    ...incident.impact.map(({ service, requests, failed }) =>
      failed === 0
        ? well(`None of ${requests} requests to ${inline(service)} failed.`)
        : badly(`${failed} of ${requests} requests to ${inline(service)} failed.`),
    ),
  ];
}

function ofPeople({ incident }: Story): readonly Lesson[] {
  const { acknowledgeMs, mitigateMs } = times(incident);
  const end = incident.times.mitigatedAt ?? incident.times.resolvedAt;
  if (acknowledgeMs === null)
    return end === null
      ? [badly("Nobody has acknowledged it.")]
      : [badly("Nobody acknowledged it before it was over, or after.")];
  const ruledOut = incident.hypotheses.filter(({ state }) => state === "ruled-out").length;
  return [
    ...(acknowledgeMs > acknowledgedLateMs
      ? [badly(`Nobody acknowledged it for ${durationText(acknowledgeMs)}.`)]
      : []),
    ...(acknowledgeMs <= acknowledgedLateMs && mitigateMs !== null
      ? [well(`Somebody had it ${durationText(acknowledgeMs)} after it was noticed.`)]
      : []),
    ...(ruledOut > 0
      ? [well(`${ruledOut === 1 ? "A hypothesis was" : `${ruledOut} hypotheses were`} ruled out with evidence.`)]
      : []),
  ];
}

function ofPlans({ plans }: Story): readonly Lesson[] {
  return plans.flatMap(({ id, plan, state, steps, approved, stopped }): readonly Lesson[] => {
    const failed = steps.filter((step) => step.state === "failed").map(({ step }) => inline(step.title));
    const name = `Plan ${code(id)} (${inline(plan.kind)})`;
    const risked = (plan.risk.lossBytes ?? 1) > 0 && state === "done";
    return [
      ...(state === "done" && approved?.how === "policy"
        ? [well(`${name} was carried out without anybody having to wake up.`)]
        : []),
      ...(state === "done" && approved?.how !== "policy" ? [well(`${name} was carried out, each step verified.`)] : []),
      ...failed.map((title) => badly(`${name}: this step failed: ${title}.`)),
      ...(state === "stopped" ? [badly(`${name} stopped half-way: ${inline(stopped?.state ?? "")}`)] : []),
      ...(state === "interrupted" ? [badly(`${name} was begun, and no end of it is recorded.`)] : []),
      ...(risked && plan.risk.lossBytes !== null
        ? [lucky(`${name} could have lost up to ${plan.risk.lossBytes} bytes of acknowledged writes.`)]
        : []),
      ...(risked && plan.risk.lossBytes === null
        ? [lucky(`${name} was carried out though nobody could know what it would lose.`)]
        : []),
      ...aheadOfTheRest(name, steps),
    ];
  });
}

/**
 * An asynchronous standby that happened to hold more than those that commits waited for: only taking it lost nothing.
 * What the election records: `needs.of` the synchronous ones, `node` the one taken, `behind` the bytes of the others.
 */
function aheadOfTheRest(name: string, steps: Story["plans"][number]["steps"]): readonly Lesson[] {
  const election = steps.find(({ step }) => step.kind === "postgres.elect");
  if (election?.state !== "done") return [];
  const { needs } = election.step.parameters as { needs?: { of?: readonly string[] } };
  const { node, behind } = election.outcome as { node?: string; behind?: Readonly<Record<string, number>> };
  const waitedFor = needs?.of ?? [];
  if (node === undefined || waitedFor.length === 0 || waitedFor.includes(node)) return [];
  return waitedFor
    .filter((other) => (behind?.[other] ?? 0) > 0)
    .map((other) =>
      lucky(
        `${name}: the asynchronous standby ${inline(node)} was ${behind?.[other]} bytes ahead of ${inline(other)}.`,
      ),
    );
}

function ofCourse({ incident }: Story): readonly Lesson[] {
  const { status, mitigation, outages, open, times: at, recovery } = incident;
  return [
    ...(outages.length > 1
      ? [
          badly(
            `It came back: ${stoppedService(incident) ? "the service was down" : "it was wrong"} ${outages.length} times.`,
          ),
        ]
      : []),
    ...(/^(by itself|without a plan)/.test(mitigation ?? "")
      ? [lucky("It ended, and nothing that was done is recorded as the reason.")]
      : []),
    ...(status === "resolved" && open.length > 0
      ? [badly(`It was resolved while ${open.length} findings were still open.`)]
      : []),
    ...(recovery.length === 0 && at.recoveredAt === null && status !== "open"
      ? [badly("No check of the data, of what was in flight or of the caches is recorded.")]
      : []),
  ];
}

function well(text: string): Lesson {
  return { kind: "well", text };
}

function badly(text: string): Lesson {
  return { kind: "badly", text };
}

function lucky(text: string): Lesson {
  return { kind: "lucky", text };
}
