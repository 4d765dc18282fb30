import type { JsonObject } from "../base/json.ts";
import type { Instant } from "../base/time.ts";
import { type Finding, findingKey, type Ref, type Severity } from "../finding/finding.ts";
import type { IncidentEvent } from "./incident.ts";
import { type Person, responderRole, unacknowledged, withRole } from "./incident-people.ts";
import type { Actor, Event } from "./timeline.ts";

/** What an incident is now: the fold over the events of its stream. The states and their order: see `incident.ts`. */
export type IncidentState = Readonly<{
  id: string;
  title: string;
  severity: Severity;
  subject: Ref;
  openedBy: Actor;
  status: "open" | "mitigated" | "resolved";
  /** What is wrong now, and what was. A finding that came back is open again and stands among the past ones as well. */
  open: readonly Finding[];
  past: readonly PastFinding[];
  times: IncidentTimes;
  /** Each time the service did not work; the last has no end while it lasts. */
  outages: readonly Outage[];
  people: readonly Person[];
  hypotheses: readonly Hypothesis[];
  notes: readonly Note[];
  plans: readonly IncidentPlan[];
  impact: readonly Impact[];
  recovery: readonly RecoveryResult[];
  /** How the service came to work again, in words; null while it does not. */
  mitigation: string | null;
  resolution: string | null;
  postmortem: string | null;
  /** Of the stream: what to append after. */
  version: number;
  /** Of its first and its last event, in the whole timeline. */
  firstPosition: number;
  lastPosition: number;
}>;

/**
 * All in UTC; null while it has not happened. After a recurrence, `mitigatedAt` and `resolvedAt` are null again; so is
 * `acknowledgedAt` where what came is not what was acknowledged.
 */
export type IncidentTimes = Readonly<{
  /** The earliest last good observation among its critical findings. */
  outageStart: Instant | null;
  noticedAt: Instant;
  acknowledgedAt: Instant | null;
  mitigatedAt: Instant | null;
  recoveredAt: Instant | null;
  resolvedAt: Instant | null;
}>;

export type PastFinding = Readonly<{ finding: Finding; clearedAt: Instant }>;
export type Outage = Readonly<{ from: Instant; to: Instant | null }>;
export type Note = Readonly<{ at: Instant; by: Actor; text: string }>;
export type HypothesisEvidence = Readonly<{ at: Instant; by: Actor; for: boolean; text: string }>;
export type Hypothesis = Readonly<{
  id: string;
  text: string;
  state: "raised" | "ruled-out" | "confirmed";
  raisedAt: Instant;
  by: Actor;
  evidence: readonly HypothesisEvidence[];
}>;
export type IncidentPlan = Readonly<{
  plan: string;
  planKind: string;
  title: string;
  causes?: readonly string[];
  proposedAt: Instant;
  ended: Readonly<{ at: Instant; outcome: string; state: string }> | null;
}>;
export type Impact = Readonly<{ service: string; requests: number; failed: number; from: Instant; to: Instant }>;
export type RecoveryResult = Readonly<{ at: Instant; by: Actor; act: string; summary: string; figures: JsonObject }>;

/**
 * Folds the events of one incident's stream, in their order. Kinds it does not know (of a newer version) are passed
 * over. Throws when the first event does not open the incident: then this is no incident's stream.
 */
export function incidentState(events: readonly Event[]): IncidentState {
  let state: IncidentState | undefined;
  for (const event of events) state = applyIncidentEvent(state, event);
  if (state === undefined) throw new Error("an incident's stream begins with incident.opened; this one is empty");
  return state;
}

/** One event further. Pure, so that a decision can be tried out before it is appended. */
export function applyIncidentEvent(state: IncidentState | undefined, event: Event): IncidentState {
  const said = event as unknown as IncidentEvent;
  if (state === undefined) {
    if (said.kind !== "incident.opened")
      throw new Error(`an incident's stream begins with incident.opened; ${event.stream} begins with ${event.kind}`);
    return opened(said.data, event);
  }
  return { ...state, ...changeOf(state, said, event), version: event.version, lastPosition: event.position };
}

function opened(data: Extract<IncidentEvent, { kind: "incident.opened" }>["data"], event: Event): IncidentState {
  const seen = data.findings.filter((finding) => finding.severity === "critical").map((finding) => finding.seenAt);
  const noticedAt = earliest([...seen, event.at]) ?? event.at;
  return {
    id: event.stream.slice(event.stream.indexOf("/") + 1),
    title: data.title,
    severity: data.severity,
    subject: data.subject,
    openedBy: event.by,
    status: "open",
    open: data.findings,
    past: [],
    times: {
      outageStart: data.outageStart,
      noticedAt,
      acknowledgedAt: null,
      mitigatedAt: null,
      recoveredAt: null,
      resolvedAt: null,
    },
    outages: [{ from: data.outageStart ?? noticedAt, to: null }],
    people: [],
    hypotheses: [],
    notes: [],
    plans: [],
    impact: [],
    recovery: [],
    mitigation: null,
    resolution: null,
    postmortem: null,
    version: event.version,
    firstPosition: event.position,
    lastPosition: event.position,
  };
}

function changeOf(state: IncidentState, said: IncidentEvent, event: Event): Partial<IncidentState> {
  const { at, by } = event;
  switch (said.kind) {
    case "incident.opened":
      throw new Error(`${event.stream} is opened twice, again at version ${event.version}`);
    case "incident.finding-raised":
      return raise(state, [said.data.finding]);
    case "incident.finding-cleared":
      return clear(state, said.data, at);
    case "incident.retitled":
      return said.data;
    case "incident.acknowledged":
      return {
        times: { ...state.times, acknowledgedAt: state.times.acknowledgedAt ?? at },
        people: withRole(state.people, said.data.who, responderRole, at),
      };
    case "incident.assigned":
      return { people: withRole(state.people, said.data.who, said.data.role, at) };
    case "incident.severity-set":
      return {
        severity: said.data.severity,
        // Who took a warning on knew of no outage.
        ...(by === "watch" && said.data.severity === "critical" ? unacknowledged(state) : {}),
      };
    case "incident.noted":
      return { notes: [...state.notes, { at, by, text: said.data.text }] };
    case "incident.hypothesis-raised":
      return { hypotheses: [...state.hypotheses, hypothesisOf(said.data, event)] };
    case "incident.hypothesis-evidence":
      return evidence(state, said.data.hypothesis, { at, by, for: said.data.for, text: said.data.text });
    case "incident.hypothesis-ruled-out":
      return evidence(state, said.data.hypothesis, { at, by, for: false, text: said.data.evidence }, "ruled-out");
    case "incident.hypothesis-confirmed":
      return evidence(state, said.data.hypothesis, { at, by, for: true, text: said.data.evidence }, "confirmed");
    case "incident.plan-proposed":
      return { plans: [...state.plans, { ...said.data, proposedAt: at, ended: null }] };
    case "incident.plan-ended":
      return { plans: planEnded(state.plans, said.data, at) };
    case "incident.mitigated":
      return {
        status: "mitigated",
        mitigation: said.data.how,
        times: { ...state.times, mitigatedAt: at },
        outages: ended(state.outages, at),
      };
    case "incident.recurred":
      return recurred(state, said.data.findings, at);
    case "incident.impact-measured":
      return { impact: [...state.impact, said.data] };
    case "incident.recovery-recorded":
      return { recovery: [...state.recovery, { at, by, ...said.data }] };
    case "incident.recovered":
      return { times: { ...state.times, recoveredAt: at } };
    case "incident.resolved":
      return {
        status: "resolved",
        resolution: said.data.resolution,
        times: { ...state.times, resolvedAt: at },
        outages: ended(state.outages, at),
      };
    case "incident.postmortem-drafted":
      return { postmortem: said.data.path };
    default:
      return unknownKind(said);
  }
}

/** An event of a version newer than this one changes nothing here. The type says that none of ours was forgotten. */
function unknownKind(_said: never): Partial<IncidentState> {
  return {};
}

function raise(state: IncidentState, findings: readonly Finding[]): Partial<IncidentState> {
  const keys = new Set(findings.map(findingKey));
  const critical = findings.filter((finding) => finding.severity === "critical");
  const outageStart = earliest([state.times.outageStart, ...critical.map((finding) => finding.lastGoodAt)]);
  const first = state.outages[0];
  return {
    open: [...state.open.filter((finding) => !keys.has(findingKey(finding))), ...findings],
    // Only what comes before the first end can move the beginning: a later outage has its own.
    ...(state.outages.length === 1 && first !== undefined && outageStart !== null
      ? {
          times: { ...state.times, outageStart },
          outages: [{ ...first, from: earliest([first.from, outageStart]) ?? first.from }],
        }
      : {}),
  };
}

function clear(state: IncidentState, which: Pick<Finding, "code" | "subject">, at: Instant): Partial<IncidentState> {
  const key = findingKey(which);
  const finding = state.open.find((candidate) => findingKey(candidate) === key);
  if (finding === undefined) return {};
  return {
    open: state.open.filter((candidate) => candidate !== finding),
    past: [...state.past, { finding, clearedAt: at }],
  };
}

function recurred(state: IncidentState, findings: readonly Finding[], at: Instant): Partial<IncidentState> {
  const keys = new Set(findings.map(findingKey));
  const critical = findings.filter((finding) => finding.severity === "critical");
  const from = earliest(critical.map((finding) => finding.lastGoodAt ?? finding.seenAt)) ?? at;
  const lastEnd = state.outages.at(-1)?.to ?? null;
  const times = { ...state.times, mitigatedAt: null, recoveredAt: null, resolvedAt: null };
  // Who has it knows of what was wrong then. Another outage, or one that was declared over, needs somebody anew.
  const known = new Set([...state.open, ...state.past.map(({ finding }) => finding)].map(findingKey));
  const isSame = state.status !== "resolved" && findings.every((finding) => known.has(findingKey(finding)));
  return {
    ...(isSame ? { times } : unacknowledged({ ...state, times })),
    status: "open",
    open: [...state.open.filter((finding) => !keys.has(findingKey(finding))), ...findings],
    mitigation: null,
    resolution: null,
    // An outage does not begin before the one before it ended.
    outages: [...ended(state.outages, at), { from: lastEnd !== null && from < lastEnd ? lastEnd : from, to: null }],
  };
}

/** The outage that still lasted ends now. */
function ended(outages: readonly Outage[], at: Instant): readonly Outage[] {
  return outages.map((outage) => (outage.to === null ? { ...outage, to: at } : outage));
}

function hypothesisOf(data: { hypothesis: string; text: string }, event: Event): Hypothesis {
  return { id: data.hypothesis, text: data.text, state: "raised", raisedAt: event.at, by: event.by, evidence: [] };
}

function evidence(
  state: IncidentState,
  id: string,
  given: HypothesisEvidence,
  next?: Hypothesis["state"],
): Partial<IncidentState> {
  return {
    hypotheses: state.hypotheses.map((hypothesis) =>
      hypothesis.id === id
        ? { ...hypothesis, state: next ?? hypothesis.state, evidence: [...hypothesis.evidence, given] }
        : hypothesis,
    ),
  };
}

function planEnded(
  plans: readonly IncidentPlan[],
  data: { plan: string; planKind: string; outcome: string; state: string },
  at: Instant,
): readonly IncidentPlan[] {
  const end = { at, outcome: data.outcome, state: data.state };
  if (plans.some((plan) => plan.plan === data.plan))
    return plans.map((plan) => (plan.plan === data.plan ? { ...plan, ended: end } : plan));
  // Made by hand, without having been proposed.
  return [...plans, { plan: data.plan, planKind: data.planKind, title: data.planKind, proposedAt: at, ended: end }];
}

/** The earliest that is known; null when none is. */
export function earliest(instants: readonly (Instant | null | undefined)[]): Instant | null {
  const known = instants.filter((instant) => instant !== null && instant !== undefined);
  return known.length === 0 ? null : known.reduce((first, next) => (next < first ? next : first));
}
