import { BlackstartError, messageOf, whatAndWhy } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { keepsUp, followingText } from "../../drivers/postgres/following.ts";
import { knownState } from "../../drivers/postgres/instance.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { assertOwnDirectory } from "../own-directory.ts";
import { decideRejoin, needsTheWay, type Remedy, type RejoinSituation, whatIsLeft } from "../rejoin-decision.ts";
import { limitOf, stoppedHalfWay } from "./long-work.ts";
import { stepFailed, text } from "./parameters.ts";
import { assertRoomFor, carryOut, keepOwn, type Rejoining, runAgain } from "./rejoin-remedies.ts";
import { asideOf, followingNow, refusalOf, situationOf } from "./rejoin-situation.ts";
import { pairOf, settingOf } from "./replication-conninfo.ts";
import { refusedUnlessPrimary } from "./roles.ts";
import { isStandby, neededInstance, sessions } from "./servers.ts";
import { provideSlot, withdrawSlot } from "./slot.ts";
import { upstreamFor } from "./upstream.ts";

const streamTimeoutMs = 10_000;
/** One that follows already shows it at once. */
const soonMs = 500;

/**
 * A server comes back as a standby that follows the primary: the reason why it does not is found, and only what fits it
 * is tried, each once (see `rejoin-decision.ts`). A rewind or a clone that was interrupted leaves a directory that does
 * not start; the next attempt does it again.
 */
export function rejoinHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.rejoin",
    async check(step) {
      if (text(step, "node") === text(step, "primary")) return { state: "done", outcome: { how: "it is the primary" } };
      const one = await followingNow(context, step, soonMs);
      if (one !== undefined && keepsUp(one) && (await asideOf(context, step)) === undefined)
        return { state: "done", outcome: { how: one.kind } };
      return (await refusedUnlessPrimary(context, step)) ?? { state: "ready" };
    },
    do: (step) => rejoin(context, step),
    async verify(step) {
      if (text(step, "node") === text(step, "primary")) return;
      const one = await followingNow(context, step, streamTimeoutMs);
      if (one !== undefined && keepsUp(one)) return;
      throw notBack(step, one === undefined ? "It does not answer." : `It ${followingText(one)}.`);
    },
  };
}

async function rejoin(context: MitigationContext, step: StepContext): Promise<JsonObject> {
  const [cluster, node, primary] = [text(step, "cluster"), text(step, "node"), text(step, "primary")];
  const instance = await neededInstance(context, cluster, node);
  await sessions(context).use(cluster, primary, async (connection) => {
    if (await isStandby(connection)) throw notBack(step, `${primary} takes no writes: there is no primary to follow.`);
  });
  await assertOwnDirectory(context, { cluster, node, instance });
  const before = await knownState(instance);
  const slot = before.state === "no-data" ? "" : await settingOf(instance, "primary_slot_name");
  const standbySlot = { node, upstream: await upstreamFor(context, cluster, node, primary), slot };
  const slotMade = await provideSlot(context, step, standbySlot);
  try {
    const outcome = await comeBack({ context, step, instance, limit: limitOf(step) });
    return { ...outcome, ...(slotMade ? { slotMade: slot } : {}) };
  } catch (error) {
    if (slotMade) await withdrawSlot(context, step, standbySlot);
    throw error;
  }
}

async function comeBack(rejoining: Rejoining): Promise<JsonObject> {
  const { step } = rejoining;
  const node = text(step, "node");
  const tried: Remedy[] = [];
  const problems: string[] = [];
  let kept: string | undefined;
  let because: string | undefined;
  let now = await situationOf(rejoining);
  const served = now.server === "standby";
  for (;;) {
    const decision = decideRejoin(now, tried);
    if (decision.kind === "done")
      return {
        how: tried.length === 0 ? decision.how : doneBy[tried.at(-1) as Remedy],
        ...(kept === undefined ? {} : { kept }),
        ...(because === undefined ? {} : { because }),
      };
    if (decision.kind === "leave") throw await left(rejoining, now, [decision.because, ...problems], served);
    const refused = needsTheWay.has(decision.remedy) ? await refusalOf(rejoining) : undefined;
    if (refused !== undefined && now.refused === undefined) {
      now = { ...now, refused };
      continue;
    }
    because ??= decision.because;
    tried.push(decision.remedy);
    try {
      step.progress(`${node}: ${remedyText[decision.remedy]}, because: ${decision.because}`);
      await assertRoomFor(rejoining, decision.remedy, decision.keeps && kept === undefined);
      if (decision.keeps) kept ??= await keepOwn(rejoining);
      await carryOut(rejoining, decision.remedy, now.reason?.kind);
    } catch (error) {
      if (step.signal.aborted) throw stoppedHalfWay(step, `${node} is not back as a standby; it takes no writes`);
      problems.push(`${decision.remedy}: ${reasonOf(error)}`);
    }
    now = learned(now, await situationOf(rejoining, true));
  }
}

/** What a stopped server's files do not tell any more was told while it ran. */
function learned(before: RejoinSituation, now: RejoinSituation): RejoinSituation {
  if (now.server !== "down") return now;
  const diverged = before.following?.kind === "diverged" || before.history === "diverged";
  return {
    ...now,
    ...(diverged ? { history: "diverged", sharesTimeline: before.sharesTimeline } : {}),
    ...(now.reason === undefined && before.reason !== undefined ? { reason: before.reason } : {}),
  };
}

async function left(
  rejoining: Rejoining,
  now: RejoinSituation,
  reasons: readonly string[],
  served: boolean,
): Promise<BlackstartError> {
  const { step } = rejoining;
  const why = `${reasons.join("; ").replace(/\.$/, "")}.`;
  const names = pairOf(step);
  const upstream = await upstreamFor(rejoining.context, names.cluster, names.node, names.primary);
  const next = whatIsLeft(now, { ...names, primary: upstream });
  if (!served) return stepFailed(`${names.node} is not back as a standby.`, why, next);
  try {
    await runAgain(rejoining, now.history === "diverged");
    return stepFailed(`${names.node} does not follow ${names.primary}. It runs, as before.`, why, next);
  } catch (error) {
    const again = `${why} It was stopped for that, and does not start again: ${reasonOf(error)}.`;
    return stepFailed(`${names.node} is not back as a standby, and is down.`, again, next, error);
  }
}

const remedyText: Readonly<Record<Remedy, string>> = {
  aim: "its primary_conninfo is corrected where it needs to be",
  start: "started as a standby",
  rewind: "rewound to where the primary branched off",
  clone: "made anew from the primary; the old data directory is moved aside",
};

const doneBy: Readonly<Record<Remedy, string>> = {
  aim: "aimed",
  start: "started",
  rewind: "rewound",
  clone: "cloned",
};

function reasonOf(error: unknown): string {
  const reason = error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error);
  return reason.replace(/\.$/, "").replace(/\s*\n\s*/g, " / ");
}

function notBack(step: StepContext, why: string): BlackstartError {
  const node = text(step, "node");
  return stepFailed(
    `${node} is not back as a standby.`,
    why,
    `See its log, then \`blackstart mitigate rejoin\` for ${node}.`,
  );
}
