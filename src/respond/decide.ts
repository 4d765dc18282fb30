import { type Instant, millisecondsBetween } from "../base/time.ts";
import type { FindingsChange } from "../finding/change.ts";
import { type Finding, findingKey, refText } from "../finding/finding.ts";
import type { System } from "../system/schema.ts";
import { scrub } from "../system/scrub.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import type { IncidentState } from "../timeline/incident-fold.ts";
import { type Draft, draftOf, newDraft, type PendingDrafts, say, sayRaised } from "./draft.ts";
import { byGravity, graveIn, hidesTheEnd, needsSomebody } from "./grave.ts";
import { isUnderWay, mitigationOf, type PlanFact } from "./mitigation-of.ts";
import { causesFirst, type Relation, relationOf, relationsInOrder, scopeOf } from "./relation.ts";

/** What the decision depends on besides the incidents and the change. */
export type DecisionFacts = Readonly<{ system: System; now: Instant; plans: readonly PlanFact[] }>;

/** Events to be appended to one incident's stream, all or none, if it still is at this version. */
export type IntendedAppend = Readonly<{
  incident: string;
  expectedVersion: number;
  events: readonly IncidentEvent[];
}>;

/**
 * What a change of the findings means for the incidents. Pure: the same facts give the same answer, and once the answer
 * is appended, the same change means nothing any more. So it can be asked again after a crash or a conflict.
 *
 * Holds afterwards, of the incidents that the watch opened: one is open if and only if something in it is grave enough
 * (see `graveIn`), or was, and whether it still is cannot be seen, no finding is open in two, and no two are open about the same subject.
 */
export function decide(
  incidents: readonly IncidentState[],
  change: FindingsChange,
  facts: DecisionFacts,
): readonly IntendedAppend[] {
  const told = new Map<string, IntendedAppend>();
  let states = incidents;
  for (let round = 0; round < roundsMax; round++) {
    const drafts = decideOnce(states, change, facts);
    const more = drafts.filter(({ events }) => events.length > 0);
    if (more.length === 0) break;
    for (const { state, expectedVersion, events } of more) {
      const before = told.get(state.id) ?? { incident: state.id, expectedVersion, events: [] };
      told.set(state.id, { ...before, events: [...before.events, ...events] });
    }
    states = drafts.map(({ state }) => state);
  }
  return [...told.values()];
}

/** What an incident is about may be another afterwards, and with it what belongs there: it is asked until nothing changes. */
const roundsMax = 5;

function decideOnce(incidents: readonly IncidentState[], change: FindingsChange, facts: DecisionFacts): PendingDrafts {
  const drafts: PendingDrafts = incidents.map(draftOf);
  // Told twice in one moment: the later word counts.
  const raised = new Map(change.raised.map((finding) => [findingKey(finding), finding]));
  for (const cleared of change.cleared) if (!raised.has(findingKey(cleared))) clear(drafts, cleared, facts);
  for (const finding of causesFirst(facts.system, [...raised.values()])) place(drafts, finding, facts);
  for (const draft of drafts) {
    rename(draft, facts);
    mitigateIfOver(draft, facts);
    nameAtTheEnd(draft, facts);
  }
  return drafts;
}

function clear(drafts: PendingDrafts, which: Pick<Finding, "code" | "subject">, facts: DecisionFacts): void {
  for (const draft of drafts)
    if (openIn(draft.state, which))
      say(draft, { kind: "incident.finding-cleared", data: { code: which.code, subject: which.subject } }, facts.now);
}

function place(drafts: PendingDrafts, finding: Finding, facts: DecisionFacts): void {
  const holder = drafts.find(({ state }) => openIn(state, finding));
  const open = nearest(drafts, finding, facts, ({ state }) => state.status === "open");
  if (holder !== undefined) return update(holder, finding, open ?? successor(drafts, holder), facts);
  if (finding.severity === "info") return;
  if (open !== undefined) return attach(open.draft, finding, open.relation, facts);
  const recent = nearest(drafts, finding, facts, ({ state }) => isRecent(state, finding, facts));
  if (recent === undefined) {
    if (finding.severity === "critical" || needsSomebody(finding))
      drafts.push(newDraft(drafts, finding, scopeOf(finding.subject), facts.now));
  } else if (graveIn(recent.draft.state)(finding)) recur(recent.draft, finding, recent.relation, facts);
  else say(recent.draft, { kind: "incident.finding-raised", data: { finding } }, facts.now);
}

/** It is known already: only what changed is said. */
function update(holder: Draft, finding: Finding, open: Related | undefined, facts: DecisionFacts): void {
  const known = openIn(holder.state, finding);
  const same = known?.severity === finding.severity && needsSomebody(known) === needsSomebody(finding);
  if (same && known.title === scrub(finding.title)) return;
  if (!graveIn(holder.state)(finding) || holder.state.status === "open") {
    sayRaised(holder, finding, facts.now);
    if (known?.severity !== finding.severity) widen(holder, finding, "same", facts);
    return worsen(holder, finding, facts);
  }
  if (open === undefined) return recur(holder, finding, "same", facts);
  // It lingered in an incident that is over, and now belongs to another that is open.
  say(holder, { kind: "incident.finding-cleared", data: { code: finding.code, subject: finding.subject } }, facts.now);
  attach(open.draft, finding, open.relation, facts);
}

function attach(draft: Draft, finding: Finding, relation: Relation, facts: DecisionFacts): void {
  sayRaised(draft, finding, facts.now);
  if (finding.severity !== "critical") return;
  widen(draft, finding, relation, facts);
  worsen(draft, finding, facts);
}

/** An incident is as grave as the worst that was found in it. */
function worsen(draft: Draft, finding: Finding, facts: DecisionFacts): void {
  if (finding.severity !== "critical" || draft.state.severity === "critical") return;
  say(draft, { kind: "incident.severity-set", data: { severity: "critical", reason: finding.title } }, facts.now);
}

/** Nobody is paged a second time for what comes back so soon. */
function recur(draft: Draft, finding: Finding, relation: Relation, facts: DecisionFacts): void {
  say(draft, { kind: "incident.recurred", data: { findings: [finding] } }, facts.now);
  widen(draft, finding, relation, facts);
  worsen(draft, finding, facts);
}

/** A wider cause gives an incident its name; so does what is worse than all else in it. */
function widen(draft: Draft, finding: Finding, relation: Relation, facts: DecisionFacts): void {
  const { before, state } = draft;
  // What a plan leaves for a moment between two of its steps is no worse than what it was made for.
  const named = isUnderWay(state, facts.plans) ? namedAfter(before ?? state) : [];
  const others = [...state.open, ...named].filter((other) => findingKey(other) !== findingKey(finding));
  const isWorst = state.openedBy === "watch" && others.every((other) => byGravity(finding, other) < 0);
  if (relation === "cause" || (relation === "same" && isWorst)) retitle(draft, finding, facts);
}

/** What gave it its name is over, and it goes on, with no plan at work: it is about the worst that is left. */
function rename(draft: Draft, facts: DecisionFacts): void {
  const { before, state } = draft;
  if (before === undefined || state.status !== "open" || isUnderWay(state, facts.plans)) return;
  const named = namedAfter(state);
  if (named.length === 0 || named.some((one) => openIn(state, one) !== undefined)) return;
  const about = state.open.filter((one) => relationOf(facts.system, one.subject, state.subject) === "same");
  const worst = about.filter(graveIn(state)).toSorted(byGravity)[0];
  if (worst !== undefined) retitle(draft, worst, facts);
}

/** Over, it bears the name of the worst that was wrong in the outage, and among equals of the first: under that it is written up. */
function nameAtTheEnd(draft: Draft, facts: DecisionFacts): void {
  const { before, state } = draft;
  if (before?.status !== "open" || state.status !== "mitigated" || state.openedBy !== "watch") return;
  const about = refText(state.subject);
  const from = before.outages.at(-1)?.from ?? before.times.noticedAt;
  const past = state.past.filter(({ clearedAt }) => clearedAt >= from).map(({ finding }) => finding);
  const worst = [...past, ...state.open]
    .filter(({ subject }) => refText(scopeOf(subject)) === about)
    .toSorted((one, other) => byGravity(one, other) || one.seenAt.localeCompare(other.seenAt))
    .filter((one, _, [first]) => first !== undefined && byGravity(one, first) === 0 && one.seenAt === first.seenAt);
  const [first] = worst;
  if (first !== undefined && !worst.some(({ title }) => scrub(title) === state.title)) retitle(draft, first, facts);
}

/** What has given an incident its name, as far as it still reads as it did then. */
function namedAfter({ title, open, past }: IncidentState): readonly Finding[] {
  return [...open, ...past.map(({ finding }) => finding)].filter((one) => scrub(one.title) === title);
}

function retitle(draft: Draft, { title, subject }: Finding, facts: DecisionFacts): void {
  const data = { title: scrub(title), subject: scopeOf(subject) };
  if (draft.state.title === data.title || draft.events[0]?.kind === "incident.opened") return;
  say(draft, { kind: "incident.retitled", data }, facts.now);
}

function mitigateIfOver(draft: Draft, facts: DecisionFacts): void {
  const { before, state } = draft;
  if (before === undefined || state.status !== "open") return;
  const isGrave = graveIn(before);
  const keepsOpen = (finding: Finding) => isGrave(finding) || hidesTheEnd(finding);
  if (!before.open.some(keepsOpen) || state.open.some(keepsOpen)) return;
  // One that was opened by hand, and in which nothing grave ever was found, is the people's to end.
  if (!before.open.some(isGrave) && !before.past.some(({ finding }) => isGrave(finding))) return;
  say(draft, { kind: "incident.mitigated", data: { how: mitigationOf(state, facts.plans) } }, facts.now);
}

/** The incident that is open by now about the same as this one, which is over. What lingered in this belongs to that. */
function successor(drafts: PendingDrafts, { state }: Draft): Related | undefined {
  const about = refText(state.subject);
  const draft = drafts.find((other) => other.state.status === "open" && refText(other.state.subject) === about);
  return draft && { draft, relation: "sibling" };
}

type Related = Readonly<{ draft: Draft; relation: Relation }>;

/** The incident that stands nearest to the finding; among equals the one that was opened first. */
function nearest(
  drafts: PendingDrafts,
  finding: Finding,
  facts: DecisionFacts,
  eligible: (draft: Draft) => boolean,
): Related | undefined {
  const related = drafts.filter(eligible).flatMap((draft) => {
    const relation = relationOf(facts.system, finding.subject, draft.state.subject);
    return relation === undefined ? [] : [{ draft, relation }];
  });
  const rank = ({ relation }: { relation: Relation }) => relationsInOrder.indexOf(relation);
  return related.toSorted(
    (one, other) => rank(one) - rank(other) || one.draft.state.firstPosition - other.draft.state.firstPosition,
  )[0];
}

/**
 * An incident that is over, but so lately that what is found now belongs to it. One that people have declared resolved
 * is opened again only by the very thing it was about, and only if that is as grave again.
 */
function isRecent(state: IncidentState, finding: Finding, facts: DecisionFacts): boolean {
  const within = (since: Instant | null | undefined) =>
    since !== null && since !== undefined && millisecondsBetween(since, facts.now) <= facts.system.watch.settle;
  switch (state.status) {
    case "open":
      return false;
    case "mitigated":
      return within(state.times.mitigatedAt) || within(state.past.at(-1)?.clearedAt);
    case "resolved":
      return (
        graveIn(state)(finding) &&
        state.past.some((past) => findingKey(past.finding) === findingKey(finding) && within(past.clearedAt))
      );
  }
}

function openIn(state: IncidentState, which: Pick<Finding, "code" | "subject">): Finding | undefined {
  return state.open.find((finding) => findingKey(finding) === findingKey(which));
}
