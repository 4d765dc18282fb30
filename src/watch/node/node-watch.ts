import { messageOf } from "../../base/error.ts";
import type { Clock } from "../../base/time.ts";
import { type Following, following, isBroken } from "../../drivers/postgres/following.ts";
import { socketAddressOf } from "../../drivers/service/address.ts";
import { greetingProbe } from "../../drivers/service/greeting.ts";
import { tcpProbe } from "../../drivers/service/tcp.ts";
import type { CheckedFacts, Moment, NodeCondition, NodeFacts, Pulse } from "../facts.ts";
import { attach, backstopMs, conditionAfter, goodbyeOf, silentCondition } from "./attach.ts";
import { askBranch } from "./branch.ts";
import type { Answer, Held } from "./held.ts";
import { latencyFacts, noLatency, withAnswer } from "./latency.ts";
import { isAimedAs, persisting } from "./persisting.ts";
import { createLineOfHistory } from "./line.ts";
import { askIdentity, askPulse } from "./pulse.ts";
import type { Asked, PositionHistory } from "./position-history.ts";
import type { Silent } from "./silence.ts";
import { createWakeUp } from "./wake-up.ts";

/*
 * One node, one held connection.
 *
 *   attach ──connected──► beat ──closed or silent──► attach …
 *     └──failed──► pause (40 ms, doubling, at most one heartbeat) ──► attach
 *
 * A cut connection leads straight to `attach`: success means that only the connection was cut, refusal that the server
 * is gone. In `beat` one question is under way at a time: a heartbeat, or between two of them one health check with a
 * time limit of half a heartbeat. Any answer is a sign of life; none within the heartbeat time-out is silence.
 */

export interface NodeWatch {
  facts(): NodeFacts;
  /** Asks at once instead of at the next heartbeat: something happened to a neighbour. */
  poke(): void;
  close(): Promise<void>;
}

/** A question to be asked between two heartbeats. */
export type Errand = Readonly<{ check: string; query: string }>;

export type NodeWatchOptions = Readonly<{
  cluster: string;
  node: string;
  url: string;
  /** See `PrimaryLook`. */
  addresses: readonly string[];
  heartbeatMs: number;
  clock: Clock;
  /** Where the primary was and when; shared by the nodes of a cluster. */
  positions: PositionHistory;
  /** The url of the one primary there is, if there is one. */
  primaryUrl(): string | undefined;
  /** The next health check that is due on this node, if any. */
  errand(facts: NodeFacts): Errand | undefined;
  /** Called for every change of the facts, at once. */
  changed(facts: NodeFacts): void;
}>;

/** The pause from one heartbeat to the next: so a hang is known at most 1.4 time-outs after it began. */
export function beatEveryMs(heartbeatMs: number): number {
  return heartbeatMs * 0.4;
}

const greetingEveryBeats = 25;
/** The histories are asked of a standby that has been broken for two beats, and then so often. */
const historyAfterBeats = 2;
const historyEveryBeats = 25;
const identityEveryBeats = 150;

export function startNodeWatch(options: NodeWatchOptions): NodeWatch {
  const { cluster, node, url, heartbeatMs, clock } = options;
  const address = socketAddressOf(url);
  const greet = greetingProbe(address);
  const stop = new AbortController();
  const silence = { timeoutMs: heartbeatMs, reach: tcpProbe(address), clock, stopped: stop.signal };
  const wake = createWakeUp(stop.signal);
  const line = createLineOfHistory(url, backstopMs(heartbeatMs), ({ timelineId, ancestors }) => {
    if (ancestors !== undefined) become({ line: { timelineId, ancestors } }, facts.condition);
  });
  let latency = noLatency;
  let current: Held | undefined;
  let facts = unknownFacts(cluster, node, momentOf(clock));
  /** The look at a standby with which the next one is compared. */
  let first: Readonly<{ pulse: Pulse; answeredMs: number }> | undefined;
  let brokenBeats = 0;
  let branch: Following | undefined;

  function become(change: Partial<NodeFacts>, seen: NodeCondition): void {
    const condition = conditionAfter(facts.condition, seen);
    const same = facts.condition.kind === condition.kind;
    facts = { ...facts, ...change, condition, since: same ? facts.since : momentOf(clock) };
    if (!stop.signal.aborted) options.changed(facts);
  }

  async function run(): Promise<void> {
    let goodbye: string | undefined;
    for (let failures = 0; !stop.signal.aborted; ) {
      const startedMs = clock.monotonicMs();
      const attached = await attach(url, silence, goodbye, wake.now);
      if (attached.kind === "failed") {
        become({}, attached.condition);
        failures++;
        await wake.sleep(Math.min(heartbeatMs, 20 * 2 ** Math.min(failures, 20)));
        wake.wasPoked();
        continue;
      }
      failures = 0;
      current = attached.held;
      line.forget();
      facts = { ...facts, identity: attached.identity };
      goodbye = await beat(attached.held);
      current = undefined;
      attached.held.release();
      wake.wasPoked();
      // A server that lets us in and cuts us off again must not become a busy loop.
      if (clock.monotonicMs() - startedMs < 20) await wake.sleep(20);
    }
  }

  /** Asks until the connection is closed or silent; answers with what the server said when it went. */
  async function beat(held: Held): Promise<string | undefined> {
    for (let beats = 1; !stop.signal.aborted; beats++) {
      const sentMs = clock.monotonicMs();
      const pulse = await held.ask((connection) => askPulse(connection, backstopMs(heartbeatMs)));
      if (pulse.kind === "closed") return goodbyeOf(pulse.reason);
      if (pulse.kind === "silent") return fallSilent(pulse);
      takeAnswer(pulse, sentMs);
      if (beats % greetingEveryBeats === 0) void checkGreeting();
      const identity = beats % identityEveryBeats === 0 ? await refreshIdentity(held) : undefined;
      if (identity?.kind === "silent") return fallSilent(identity);
      const silent = await untilNextBeat(held, sentMs + beatEveryMs(heartbeatMs));
      if (silent !== undefined) return fallSilent(silent);
      const gone = held.gone();
      if (gone !== undefined) return goodbyeOf(gone);
    }
    return undefined;
  }

  function fallSilent(silent: Silent): undefined {
    become({}, silentCondition(silent));
    return undefined;
  }

  /**
   * Sleeps, or runs the health checks that are due. The server ends a statement after half a heartbeat time-out; so one
   * that gets no answer at all within a whole one is silence like a heartbeat's, and is answered.
   */
  async function untilNextBeat(held: Held, dueMs: number): Promise<Silent | undefined> {
    while (held.gone() === undefined && clock.monotonicMs() < dueMs && !wake.wasPoked()) {
      const errand = options.errand(facts);
      if (errand === undefined) await wake.sleep(dueMs - clock.monotonicMs());
      else {
        const answer = await runErrand(held, errand);
        if (answer.kind === "silent") return answer;
        if (answer.kind === "closed") return undefined;
      }
    }
    return undefined;
  }

  async function runErrand(held: Held, errand: Errand): Promise<Answer<unknown>> {
    const answer = await held.ask<unknown>((one) =>
      one.query(errand.query, [], { timeoutMs: backstopMs(heartbeatMs) }),
    );
    if (answer.kind === "closed" || answer.kind === "silent") return answer;
    // A check that the server refuses or that runs into its time limit has seen nothing; what it saw before stands.
    const before = facts.checked.find((one) => one.check === errand.check);
    const rows = answer.kind === "answer" ? (answer.value as CheckedFacts["rows"]) : (before?.rows ?? []);
    const failed = answer.kind === "error" ? { failed: messageOf(answer.error) } : {};
    const checked = { check: errand.check, at: clock.now(), rows, ...failed };
    become({ checked: [...facts.checked.filter((one) => one !== before), checked] }, facts.condition);
    return answer;
  }

  /** A refusal (a time limit under load, say) is a sign of life as well; what was seen before stands. */
  function takeAnswer(answer: Extract<Answer<Pulse>, { kind: "answer" | "error" }>, sentMs: number): void {
    const now = momentOf(clock);
    latency = withAnswer(latency, now.ms - sentMs, heartbeatMs * 0.15, now);
    const { pulseRefused: before, ...rest } = facts;
    facts = rest;
    become(
      {
        lastGood: now,
        ...(facts.lastGood === undefined ? {} : { goodBefore: facts.lastGood }),
        latency: latencyFacts(latency),
        ...(answer.kind === "answer"
          ? pulseFacts(answer.value, sentMs, now)
          : { pulseRefused: { times: (before?.times ?? 0) + 1, detail: messageOf(answer.error) } }),
      },
      { kind: "up" },
    );
  }

  function pulseFacts(pulse: Pulse, sentMs: number, now: Moment): Partial<NodeFacts> {
    const asked = { sentMs, answeredMs: now.ms };
    line.seen(pulse.timelineId);
    if (pulse.role === "primary")
      options.positions.primaryAt({ ...pulse, ...lineOf(pulse, facts), addresses: options.addresses }, asked);
    const judged = followingOf(pulse, asked);
    return {
      pulse,
      ...(judged.kind === "unknown" ? {} : { following: judged }),
      aimedSince: isAimedAs(facts.pulse, pulse) ? (facts.aimedSince ?? now) : now,
      persisting: persisting(facts.persisting, facts.pulse, pulse, judged, now),
      ...(pulse.role === "primary" ? { lastPrimary: now } : {}),
      ...(pulse.role === "primary" && facts.pulse?.role === "standby" ? { promoted: now } : {}),
      ...delayOf(pulse, now),
    };
  }

  /** Judged as soon as the primary was looked at between two looks at this one, or the connection shows as broken. */
  function followingOf(pulse: Pulse, asked: Asked): Following {
    const before = first ?? { pulse, answeredMs: asked.answeredMs };
    if (pulse.role === "primary") {
      first = undefined;
      return { kind: "follows" };
    }
    const judged = following(before.pulse, options.positions.primaryBetween(before.answeredMs, asked.sentMs), pulse);
    first = judged.kind === "unknown" ? before : { pulse, answeredMs: asked.answeredMs };
    return withBranch(judged);
  }

  /** A broken standby that has diverged can never follow, which only the two histories tell. */
  function withBranch(judged: Following): Following {
    if (judged.kind === "unknown") return judged;
    if (!isBroken(judged)) {
      brokenBeats = 0;
      branch = undefined;
      return judged;
    }
    if (++brokenBeats % historyEveryBeats === historyAfterBeats) void askHistory();
    return branch ?? judged;
  }

  async function askHistory(): Promise<void> {
    const primaryUrl = options.primaryUrl();
    const answer = primaryUrl === undefined ? undefined : await askBranch(url, primaryUrl, heartbeatMs);
    if (brokenBeats > 0) branch = answer;
  }

  function delayOf(pulse: Pulse, now: Moment): Pick<NodeFacts, "replayDelayMs"> {
    const delayMs = pulse.role === "primary" ? 0 : options.positions.delayMs(pulse.replayedLsn ?? pulse.lsn, now.ms);
    return delayMs === undefined ? {} : { replayDelayMs: delayMs };
  }

  async function checkGreeting(): Promise<void> {
    const first = await greet(heartbeatMs);
    const result = first.outcome === "good" ? first : await greet(heartbeatMs);
    if (facts.condition.kind === "up") become({ acceptsConnections: result.outcome === "good" }, facts.condition);
  }

  async function refreshIdentity(held: Held): Promise<Answer<unknown>> {
    const answer = await held.ask((connection) => askIdentity(connection, backstopMs(heartbeatMs)));
    if (answer.kind === "answer") facts = { ...facts, identity: answer.value };
    return answer;
  }

  const running = run();
  return {
    facts: () => facts,
    poke: wake.now,
    async close() {
      stop.abort();
      current?.release();
      await running;
    },
  };
}

export function unknownFacts(cluster: string, node: string, since: Moment): NodeFacts {
  return {
    cluster,
    node,
    condition: { kind: "unknown" },
    since,
    persisting: {},
    latency: latencyFacts(noLatency),
    acceptsConnections: true,
    checked: [],
  };
}

/** Of a primary, as soon as it has been asked. */
function lineOf(
  { timelineId }: Pulse,
  { line }: NodeFacts,
): Pick<NonNullable<NodeFacts["line"]>, "ancestors"> | undefined {
  return line?.timelineId === timelineId ? { ancestors: line.ancestors } : undefined;
}

export function momentOf(clock: Clock): Moment {
  return { at: clock.now(), ms: clock.monotonicMs() };
}
