import { BlackstartError } from "../base/error.ts";
import type { Json } from "../base/json.ts";
import { type Clock, systemClock } from "../base/time.ts";
import type { FindingsChange } from "../finding/change.ts";
import { type Finding, findingKey } from "../finding/finding.ts";
import type { PlanStatus } from "../plan/status.ts";
import type { System } from "../system/schema.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { watchStream } from "../timeline/finding-record.ts";
import { incidentStream } from "../timeline/incident-state.ts";
import { readAll } from "../timeline/read-all.ts";
import type { NewEvent, Timeline } from "../timeline/timeline.ts";
import { decide, type IntendedAppend } from "./decide.ts";
import { createKnowledge, type Knowledge } from "./knowledge.ts";
import { planFacts } from "./mitigation-of.ts";
import { createQueue } from "./queue.ts";
import { createWindow, type Window } from "./window.ts";

/**
 * Turns what the watch sees into incidents: each change becomes events in `incident/<id>` and in `watch/<system>`.
 * Changes are worked off one after the other, in the order in which they came.
 */
export interface Responder {
  /**
   * Resolves when everything that follows from the change is on disk. When it throws, some of it may not be: then give
   * `reconcile` all that is wrong now, as often as it takes.
   */
  take(change: FindingsChange): Promise<void>;
  /**
   * All that is wrong now, as a whole. For the first full look after a start: what was open in the timeline and is not
   * seen any more is cleared, what is known is not raised twice.
   */
  reconcile(present: readonly Finding[]): Promise<void>;
  /** Nothing that is kept back is looked at again. */
  close(): void;
}

/** How often another process may be faster before we give up. */
const attemptsMax = 10;
const waitingMax = 1000;

/** How soon it is seen that a planned change, which explained what was seen, has ended. */
const windowEveryMs = 200;

export function createResponder(options: { system: System; timeline: Timeline; clock?: Clock }): Responder {
  const { system, timeline, clock = systemClock } = options;
  const knowledge = createKnowledge(system, timeline, clock);
  const window = createWindow({ system, timeline, knowledge, nowMs: clock.monotonicMs });
  const parts: Parts = { system, timeline, clock, knowledge, window };
  const queue = createQueue(waitingMax);
  let timer: NodeJS.Timeout | undefined;
  const nothingNew = () => ({ at: clock.now(), raised: [], cleared: [] });
  const work = async (changeNow: () => FindingsChange): Promise<void> => {
    try {
      await queue.add(() => carryOut(parts, changeNow));
    } finally {
      if (window.isOpen()) timer ??= setInterval(() => void lookAgain(), windowEveryMs).unref();
    }
  };
  let looking = false;
  const lookAgain = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      if (window.isOpen()) return await queue.add(() => carryOut(parts, nothingNew));
      clearInterval(timer);
      timer = undefined;
    } catch {
      // What could not be told is kept back still, and is tried again.
    } finally {
      looking = false;
    }
  };
  // Read early, so that the first change need not wait for it. Should it fail, the first change tries and tells.
  queue.add(() => knowledge.refresh()).catch(() => undefined);
  return {
    take: (change) => work(() => change),
    reconcile: (present) => work(() => changeTo(present, knowledge, clock)),
    close: () => clearInterval(timer),
  };
}

type Parts = { system: System; timeline: Timeline; clock: Clock; knowledge: Knowledge; window: Window };

async function carryOut(parts: Parts, changeNow: () => FindingsChange): Promise<void> {
  let conflict: unknown;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    await parts.knowledge.refresh();
    conflict = await appendAll(parts, changeNow());
    if (conflict === undefined) return;
  }
  throw conflict;
}

/** Appends everything at once, so that it shares one fsync. Answers with the conflict, if there was one. */
async function appendAll(parts: Parts, change: FindingsChange): Promise<unknown> {
  const { timeline, knowledge, system, window } = parts;
  const now = parts.clock.now();
  const { change: passing, stopped } = await window.passing(change);
  const facts = { system, now, plans: await plansFor(parts, passing) };
  const appends = decide(knowledge.incidents(), passing, facts).map((append) => withStopped(append, stopped));
  const record = recordOf(change, knowledge.recorded(), now);
  const results = await Promise.allSettled([
    ...appends.map(({ incident, expectedVersion, events }) =>
      timeline.append(
        incidentStream(incident),
        expectedVersion,
        events.map((event) => newEvent(event, now)),
      ),
    ),
    ...(record.length === 0 ? [] : [timeline.append(watchStream(system.system), "any", record)]),
  ]);
  for (const result of results) if (result.status === "fulfilled") knowledge.learn(result.value);
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  const serious = failures.find((error) => !(error instanceof BlackstartError && error.code === "VERSION_CONFLICT"));
  if (serious !== undefined) throw serious;
  if (failures.length === 0) window.told(passing);
  return failures[0];
}

/** An incident that begins with a planned change that stopped half-way tells of it. */
function withStopped(append: IntendedAppend, stopped: readonly PlanStatus[]): IntendedAppend {
  if (append.expectedVersion > 0) return append;
  const ended = stopped.map(
    ({ id, plan, stopped: left }): IncidentEvent => ({
      kind: "incident.plan-ended",
      data: { plan: id, planKind: plan.kind, outcome: "stopped", state: left?.state ?? "" },
    }),
  );
  return { ...append, events: [...append.events, ...ended] };
}

/** Which plans ran meanwhile matters only where an incident is open. */
async function plansFor({ timeline, knowledge }: Parts, { raised, cleared }: FindingsChange) {
  const open = knowledge.incidents().filter((incident) => incident.status === "open");
  if (open.length === 0 || raised.length + cleared.length === 0) return [];
  const after = Math.min(...open.map((incident) => incident.firstPosition)) - 1;
  return planFacts(await readAll(timeline, { prefix: "plan/", after }));
}

/** What is new to the record: a finding that stands there already, just so, is not written again. */
function recordOf(change: FindingsChange, recorded: ReadonlyMap<string, Finding>, now: string): NewEvent[] {
  const raised = new Map(change.raised.map((finding) => [findingKey(finding), finding]));
  const cleared = new Map(change.cleared.map((which) => [findingKey(which), which]));
  return [
    ...[...cleared]
      .filter(([key]) => recorded.has(key) && !raised.has(key))
      .map(([, { code, subject }]) => newEvent({ kind: "finding.cleared", data: { code, subject } }, now)),
    ...[...raised.values()]
      .filter((finding) => isNews(finding, recorded.get(findingKey(finding))))
      .map((finding) => newEvent({ kind: "finding.raised", data: finding }, now)),
  ];
}

function isNews(finding: Finding, known: Finding | undefined): boolean {
  return known === undefined || known.severity !== finding.severity || known.title !== finding.title;
}

function changeTo(present: readonly Finding[], knowledge: Knowledge, clock: Clock): FindingsChange {
  const keys = new Set(present.map(findingKey));
  const gone = [...knowledge.believed()].filter(([key]) => !keys.has(key)).map(([, which]) => which);
  return { at: clock.now(), raised: present, cleared: gone };
}

/** A finding may carry fields that are undefined, which no store takes: they are left out. */
function newEvent(event: { kind: string; data: object }, at: string): NewEvent {
  return { kind: event.kind, by: "watch", at, data: JSON.parse(JSON.stringify(event.data)) as Json };
}
