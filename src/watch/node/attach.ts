import type { Clock } from "../../base/time.ts";
import { type ClosedReason, connect } from "../../drivers/postgres/connection.ts";
import type { NodeCondition, NodeIdentity } from "../facts.ts";
import { conditionOf } from "./classify.ts";
import { type Answer, type Held, hold, settled } from "./held.ts";
import { askIdentity } from "./pulse.ts";
import { answerOrSilence, type Silent, type SilenceOptions } from "./silence.ts";

export type Attached =
  | Readonly<{ kind: "attached"; held: Held; identity: NodeIdentity }>
  | Readonly<{ kind: "failed"; condition: NodeCondition }>;

/**
 * Connects, limits the session, and learns what the server is. Known within one heartbeat time-out of each of its
 * questions; when it fails, the condition says why.
 * @param goodbye what the server said when it ended the connection before this one
 */
export async function attach(
  url: string,
  options: SilenceOptions & { clock: Clock },
  goodbye: string | undefined,
  onGone: () => void,
): Promise<Attached> {
  const { timeoutMs } = options;
  const attempt = connect(url, { timeoutMs: 2 * timeoutMs, applicationName: "blackstart watch" });
  const outcome = await answerOrSilence(settled(attempt), options);
  if (outcome.kind === "silent") {
    // It may still come; then it is one too many.
    void attempt.then((late) => late.close()).catch(() => undefined /* it failed: that is what was expected */);
    return { kind: "failed", condition: silentCondition(outcome) };
  }
  if ("error" in outcome.value) {
    const condition = conditionOf(outcome.value.error, goodbye);
    if (condition.kind !== "silent") return { kind: "failed", condition };
    const { outcome: reach } = await options.reach(timeoutMs * 0.5);
    return { kind: "failed", condition: silentCondition({ reachable: reach === "good", forMs: timeoutMs }) };
  }
  const held = hold(outcome.value.value, options, onGone);
  const backstop = { timeoutMs: backstopMs(timeoutMs) };
  const limited = await held.ask((connection) => connection.query(sessionLimits(timeoutMs), [], backstop));
  const known = limited.kind === "answer" ? await held.ask((one) => askIdentity(one, backstop.timeoutMs)) : limited;
  if (known.kind === "answer") return { kind: "attached", held, identity: known.value as NodeIdentity };
  held.release();
  return { kind: "failed", condition: conditionOfFailed(known, goodbye) };
}

/** The driver's own time limit, for a question that the watch has long given up on. */
export function backstopMs(heartbeatMs: number): number {
  return heartbeatMs * 4;
}

export function silentCondition(silent: Pick<Silent, "reachable" | "forMs">): NodeCondition {
  if (silent.reachable) return { kind: "hanging", silentForMs: silent.forMs };
  return { kind: "unreachable", isSilent: true, detail: `No connection came about (waited ${silent.forMs} ms).` };
}

/** A server that hangs stays one that hangs when its queue is full, which our own attempts fill. */
export function conditionAfter(before: NodeCondition, next: NodeCondition): NodeCondition {
  const isFull = before.kind === "hanging" && next.kind === "unreachable" && next.isSilent === true;
  return isFull ? { ...before, isFull } : next;
}

export function goodbyeOf(reason: ClosedReason): string | undefined {
  return reason.sqlstate === undefined ? undefined : `${reason.message} (${reason.sqlstate})`;
}

function conditionOfFailed(failed: Exclude<Answer<unknown>, { kind: "answer" }>, goodbye?: string): NodeCondition {
  switch (failed.kind) {
    case "silent":
      return silentCondition(failed);
    case "closed": {
      const said = goodbyeOf(failed.reason) ?? goodbye;
      const detail = "It ends every new connection.";
      return said === undefined ? { kind: "down", detail } : { kind: "down", detail, goodbye: said };
    }
    case "error": {
      const condition = conditionOf(failed.error, goodbye);
      return condition.kind === "silent" ? { kind: "hanging", silentForMs: 0 } : condition;
    }
  }
}

/** Of the heartbeat time-out: what a single statement may take on the server. */
const statementShare = 0.5;

/** This session only looks, and no statement of it may stand in anybody's way for long. */
function sessionLimits(heartbeatMs: number): string {
  const statementMs = Math.max(50, Math.round(heartbeatMs * statementShare));
  return `set default_transaction_read_only = on; set statement_timeout = ${statementMs};
    set lock_timeout = ${Math.min(100, statementMs)}; set idle_in_transaction_session_timeout = ${heartbeatMs * 4}`;
}
