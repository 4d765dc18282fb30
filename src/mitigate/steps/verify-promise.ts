import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { followingText, keepsUp } from "../../drivers/postgres/following.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { followingOf } from "../following.ts";
import { number, stepFailed, text, texts } from "./parameters.ts";
import { whoWrites } from "./roles.ts";
import { sessions } from "./servers.ts";

/** What was cloned just now has to replay first, on a machine that is busy with it. */
const settleTimeoutMs = 15_000;
/** Of one look at one standby; the whole is looked at until it has settled. */
const lookTimeoutMs = 500;

/** One primary, every expected standby follows it, and commits wait for as many as was promised. Only looks. */
export function verifyPromiseHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.verify-promise",
    looks: true,
    check: async () => ({ state: "ready" }),
    async do(step) {
      let seen = await look(context, step);
      const settled = async () => {
        seen = await look(context, step);
        return problemsOf(seen, step).length === 0 ? true : undefined;
      };
      await pollUntil(settled, { everyMs: 20, timeoutMs: settleTimeoutMs, signal: step.signal });
      const problems = problemsOf(seen, step);
      if (problems.length === 0)
        return { primary: seen.primaries[0] ?? null, following: seen.following, synchronous: seen.synchronous };
      throw stepFailed(
        `${text(step, "primary")} takes writes, but not all is as it is meant to be.`,
        problems.join(" "),
        "See `blackstart check`; bring standbys back with `blackstart mitigate rejoin`.",
      );
    },
    async verify() {
      // The step itself is the verification.
    },
  };
}

type Seen = Readonly<{
  primaries: readonly string[];
  unknown: readonly string[];
  /** The expected standbys that follow, and what is wrong with the others. */
  following: readonly string[];
  strays: readonly string[];
  synchronous: number;
}>;

async function look(context: MitigationContext, step: StepContext): Promise<Seen> {
  const cluster = text(step, "cluster");
  const expected = new Set([text(step, "primary"), ...texts(step, "nodes")]);
  // What the plan has cut off, and does not expect back, is not waited for.
  const all = (await whoWrites(context, cluster)).filter((one) => one.writes === "takes" || expected.has(one.node));
  const standbys = [...expected].filter((node) => node !== text(step, "primary"));
  const strays = await Promise.all(
    standbys.map(async (node) => ({ node, problem: await strayOf(context, step, node) })),
  );
  const rows = await sessions(context).use(cluster, text(step, "primary"), (connection) =>
    connection.query<{ synchronous: number }>(
      "select count(*)::int as synchronous from pg_stat_replication where sync_state in ('sync', 'quorum')",
    ),
  );
  return {
    primaries: all.filter((one) => one.writes === "takes").map((one) => one.node),
    unknown: all.filter((one) => one.writes === "unknown").map(({ node, why }) => `${node}: ${why}`),
    following: strays.filter((one) => one.problem === undefined).map((one) => one.node),
    strays: strays.flatMap(({ node, problem }) => (problem === undefined ? [] : [`${node} ${problem}`])),
    synchronous: rows[0]?.synchronous ?? 0,
  };
}

async function strayOf(context: MitigationContext, step: StepContext, node: string): Promise<string | undefined> {
  const pair = { cluster: text(step, "cluster"), node, primary: text(step, "primary") };
  try {
    const one = await followingOf(context, pair, { timeoutMs: lookTimeoutMs, signal: step.signal });
    return keepsUp(one) ? undefined : `${followingText(one)}.`;
  } catch (error) {
    if (error instanceof BlackstartError && !step.signal.aborted) return `does not answer: ${error.message}`;
    throw error;
  }
}

function problemsOf(seen: Seen, step: StepContext): readonly string[] {
  const count = number(step, "count");
  return [
    ...(seen.primaries.length === 1
      ? []
      : [`${seen.primaries.length} nodes take writes: ${seen.primaries.join(", ")}.`]),
    ...(seen.unknown.length === 0 ? [] : [`Whether these take writes is not known: ${seen.unknown.join("; ")}.`]),
    ...seen.strays,
    ...(seen.synchronous >= count ? [] : [`Commits wait for ${seen.synchronous} standby(s) instead of ${count}.`]),
  ];
}
