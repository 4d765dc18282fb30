import { messageOf } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { compareWalEnds } from "../../drivers/postgres/history.ts";
import { type Lsn, lsnAhead } from "../../drivers/postgres/lsn.ts";
import { hasRecoveryTarget } from "../../drivers/postgres/recovery-settings.ts";
import { askWalEnd } from "../../drivers/postgres/wal-end.ts";
import type { CheckResult, StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { type Candidate, elect, type Election, type Needs } from "../election.ts";
import { type Aimed, aimBack, stopReceiver } from "./aim.ts";
import { isJustPlanned, notedElected, refusedIfOvertaken } from "./elected.ts";
import { refusedUnlessFenced, wasFencedHere } from "./fenced.ts";
import { stepFailed, text, texts } from "./parameters.ts";
import { fencedBy, whoWrites } from "./roles.ts";
import { senderOf } from "./sender.ts";
import { sessions } from "./servers.ts";

/** A receiver notices the death of its primary at once, unless the network to it was cut. */
const receiverStopTimeoutMs = 1000;
const receiverCutTimeoutMs = 5000;
/** One whose primary is dead has taken in by then what was on its way to it. */
const livingRounds = 4;
/** One that was started anew reads its own log first, and a busy one has much of it. */
const replayTimeoutMs = 60_000;
const pollMs = 2;

const askLimits = { timeoutMs: 1000, queryTimeoutMs: 3000 } as const;

/**
 * Waits until no candidate receives any more from the last primary, then takes the one that has received most. An
 * asynchronous standby can be ahead of a synchronous one; the one that is behind could never follow the other way.
 */
export function electHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.elect",
    // Who has received most is found out anew every time: the world may have changed.
    check: async () => ({ state: "ready" }),
    async do(step) {
      const aimed: Aimed = new Map();
      try {
        return await elected(context, step, aimed);
      } catch (error) {
        await aimBack(context, step, aimed);
        throw error;
      }
    },
    async verify(step, outcome) {
      if (typeof outcome.node === "string" && texts(step, "candidates").includes(outcome.node))
        return notedElected(step);
      throw stepFailed(
        "Nobody was elected; nothing was promoted.",
        "The outcome names none of the candidates.",
        "Make a new plan.",
      );
    },
  };
}

async function elected(context: MitigationContext, step: StepContext, aimed: Aimed): Promise<JsonObject> {
  const nodes = texts(step, "candidates");
  // First and alone: to stop the receivers of a primary that serves again would make its commits hang.
  unlessRefused((await refusedUnlessFenced(context, step)) ?? (await refusedBesidePrimary(context, step)));
  const [isNew, ...asked] = await Promise.all([
    isJustPlanned(context, step),
    ...nodes.map((node) => settled(context, step, node, aimed)),
  ]);
  const candidates = asked.filter((one): one is Candidate => !("problem" in one));
  const problems = asked.filter((one) => "problem" in one);
  const witness = problems.find((one) => isAheadOfAll(one, candidates));
  if (witness !== undefined) throw stillAlive(step, witness);
  const election = elect(candidates, needsOf(step), step.parameters.chosen as string | undefined);
  if (election.kind === "nobody")
    throw stepFailed(
      "Nothing was promoted; the old primary is fenced.",
      [election.why, ...problems.map((one) => `${one.node}: ${one.problem}`)].join(" "),
      "Bring the standbys back and make a new plan, or take the fence back: `blackstart mitigate unfence`.",
    );
  if (!isNew) unlessRefused(await refusedIfOvertaken(context, step, election.candidate.node));
  for (const reason of election.leftOut) step.progress(reason);
  return outcomeOf(election, candidates);
}

function unlessRefused(result: CheckResult | undefined): void {
  if (result?.state === "refused") throw stepFailed("Nothing was promoted.", result.why, result.next);
}

/** Nobody would be promoted beside it. The run that fenced has asked already. */
async function refusedBesidePrimary(context: MitigationContext, step: StepContext): Promise<CheckResult | undefined> {
  if (wasFencedHere(step)) return undefined;
  const all = await whoWrites(context, text(step, "cluster"), fencedBy(step));
  const candidates = texts(step, "candidates");
  const primary = all.find((one) => one.writes === "takes" && !candidates.includes(one.node));
  if (primary === undefined) return undefined;
  return {
    state: "refused",
    why: `${primary.node} takes writes: somebody started or promoted it since this plan was made.`,
    next: "See `blackstart status`, then make a new plan if one is needed still.",
  };
}

/** A cascade that has not yet caught up holds no more than the one that it receives from. */
function isAheadOfAll({ receives }: Problem, candidates: readonly Candidate[]): boolean {
  return receives !== undefined && candidates.every(({ end }) => end === undefined || lsnAhead(receives, end.lsn) > 0);
}

/** It was fenced on the wrong machine, or in the wrong directory, or the fence command cut off nothing. */
function stillAlive(step: StepContext, { node }: Problem): Error {
  const old = typeof step.parameters.old === "string" ? step.parameters.old : "a primary";
  return stepFailed(
    `${old} is alive: ${node} receives more and more from it. Nothing was promoted.`,
    `It was taken for fenced, but whatever was fenced is not the server that ${node} follows.`,
    `See that \`host:\` and \`data:\` of ${old}, or \`fence:\`, are right; then \`blackstart status\`.`,
  );
}

/** JSON knows no undefined. */
function needsOf(step: StepContext): Needs {
  const needs = (step.parameters.needs ?? {}) as Needs;
  return needs.line === undefined
    ? needs
    : { ...needs, line: { ...needs.line, ancestors: needs.line.ancestors ?? undefined } };
}

/** `behind`: in bytes; null for one that is on another branch, or of which it cannot be told. */
function outcomeOf(
  { candidate, leftOut }: Election & { kind: "elected" },
  candidates: readonly Candidate[],
): JsonObject {
  const behind = candidates.flatMap((one) => {
    if (one.node === candidate.node || one.end === undefined) return [];
    const compared = compareWalEnds(candidate.end, one.end);
    return [[one.node, compared.kind === "same-line" ? compared.aheadBytes : null] as const];
  });
  const { node, end } = candidate;
  return {
    node,
    lsn: end.lsn,
    timeline: end.timelineId,
    behind: Object.fromEntries(behind),
    ...(leftOut.length === 0 ? {} : { leftOut }),
  };
}

/** @property receives how far it had come, while it receives more and more */
type Problem = Readonly<{ node: string; problem: string; receives?: Lsn }>;

/** What the candidate holds, once it receives nothing more and has looked through all that it holds. */
async function settled(
  context: MitigationContext,
  step: StepContext,
  node: string,
  aimed: Aimed,
): Promise<Candidate | Problem> {
  const cluster = text(step, "cluster");
  try {
    const state = await sessions(context).use(cluster, node, async (connection): Promise<Settled | Problem> => {
      const cascades = cascadesOf(context, cluster, texts(step, "candidates"), node);
      const now: { seen: Seen; before: Lsn | null; held: Lsn | null } = { seen: "receives", before: null, held: null };
      const ask = (timeoutMs: number) => {
        now.before = null;
        const look = async () => {
          const { seen, held } = await stateOf(connection, cascades);
          Object.assign(now, { seen, held, before: now.before ?? held });
          return typeof seen === "string" ? undefined : seen;
        };
        return pollUntil(look, { everyMs: pollMs, timeoutMs, signal: step.signal });
      };
      for (let round = 1; ; round += 1) {
        const settledAlone = await ask(receiverStopTimeoutMs);
        if (settledAlone !== undefined) return settledAlone;
        if (now.seen !== "receives" || now.held === null || now.held === now.before) break;
        if (round === livingRounds) return { node, problem: "it receives more and more", receives: now.held };
      }
      if (now.seen === "replays") {
        step.progress(`${node} was started anew and still reads its own log.`);
        return (
          (await ask(replayTimeoutMs)) ?? {
            node,
            problem: "it still replays its own log; how much it holds is not known",
          }
        );
      }
      step.progress(`${node} still waits for the last primary; its receiver is stopped.`);
      await step.assertHeld();
      const how = { aimed, hasStopped: () => ask(receiverCutTimeoutMs) };
      const stopped = await stopReceiver(context, step, { cluster, node, connection }, how);
      return stopped ?? { node, problem: "its receiver cannot be stopped" };
    });
    if ("problem" in state) return state;
    if (state.endsEarly) return { node, problem: "it runs with a recovery target, and would end there as the primary" };
    const end = await askWalEnd((options) => context.fleet.connect(cluster, node, options), askLimits);
    return { node, end, promoted: state.promoted, toReplayBytes: state.toReplayBytes };
  } catch (error) {
    if (step.signal.aborted) throw error;
    return { node, problem: messageOf(error) };
  }
}

/** A standby that receives from another candidate goes on doing so: what it gets is held by that one already. */
function cascadesOf(
  context: MitigationContext,
  cluster: string,
  candidates: readonly string[],
  node: string,
): IsCascade {
  const others = candidates.filter((one) => one !== node);
  const known = new Map<string, Promise<boolean>>();
  return (sender) => {
    const asked =
      known.get(sender) ??
      senderOf(context, cluster, node, sender).then((one) => one !== undefined && others.includes(one));
    known.set(sender, asked);
    return asked;
  };
}

type IsCascade = (sender: string) => Promise<boolean>;

/**
 * Until a standby has received anything since its start, only what it has replayed is known of its log, and there may be
 * more: all of it is read when the startup process waits for the primary (or cannot be seen, for want of pg_monitor).
 */
const candidateQuery = `
select pg_is_in_recovery() as standby, pg_is_in_recovery() and ${hasRecoveryTarget} as "endsEarly",
  pg_is_in_recovery() and pg_last_wal_receive_lsn() is null and exists (
    select from pg_stat_activity where backend_type = 'startup'
      and coalesce(wait_event, '') not in ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')) as replaying,
  pg_last_wal_receive_lsn()::text as held,
  greatest(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::float8 as "toReplayBytes",
  (select sender_host || ':' || sender_port from pg_stat_wal_receiver where pid is not null limit 1) as sender,
  exists (select from pg_stat_wal_receiver where pid is not null) as receiving`;

type CandidateRow = Readonly<{
  standby: boolean;
  endsEarly: boolean;
  held: Lsn | null;
  toReplayBytes: number | null;
  sender: string | null;
  receiving: boolean;
  replaying: boolean;
}>;

type Settled = Readonly<{ promoted: boolean; endsEarly: boolean; toReplayBytes: number }>;
type Seen = Settled | "receives" | "replays";

async function stateOf(
  connection: Connection,
  isCascade: IsCascade,
): Promise<Readonly<{ seen: Seen; held: Lsn | null }>> {
  const [row] = await connection.query<CandidateRow>(candidateQuery);
  return row === undefined ? { seen: "receives", held: null } : { seen: await seenIn(row, isCascade), held: row.held };
}

async function seenIn(row: CandidateRow, isCascade: IsCascade): Promise<Seen> {
  if (row.receiving && !(row.sender !== null && (await isCascade(row.sender)))) return "receives";
  if (row.replaying) return "replays";
  // Promoted already, by this plan before it was interrupted: nobody may be promoted beside it.
  return { promoted: !row.standby, endsEarly: row.endsEarly, toReplayBytes: row.toReplayBytes ?? 0 };
}
