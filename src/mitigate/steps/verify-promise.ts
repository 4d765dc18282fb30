import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { followingText, keepsUp } from "../../drivers/postgres/following.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { followingOf } from "../following.ts";
import { number, stepFailed, text, texts } from "./parameters.ts";
import { isStandby, sessions } from "./servers.ts";

const settleTimeoutMs = 5000;
/** Of one look at one standby; the whole is looked at until it has settled. */
const lookTimeoutMs = 500;

/** One primary, every expected standby follows it, and commits wait for as many as was promised. Only looks. */
export function verifyPromiseHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.verify-promise",
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
  /** The expected standbys that follow, and what is wrong with the others. */
  following: readonly string[];
  strays: readonly string[];
  synchronous: number;
}>;

async function look(context: MitigationContext, step: StepContext): Promise<Seen> {
  const cluster = text(step, "cluster");
  const nodes = Object.keys(context.system.clusters[cluster]?.nodes ?? {});
  const roles = await Promise.all(
    nodes.map(async (node) => ({ node, standby: await standbyOrDown(context, cluster, node) })),
  );
  const expected = [...new Set(texts(step, "nodes"))].filter((node) => node !== text(step, "primary"));
  const strays = await Promise.all(
    expected.map(async (node) => ({ node, problem: await strayOf(context, step, node) })),
  );
  const rows = await sessions(context).use(cluster, text(step, "primary"), (connection) =>
    connection.query<{ synchronous: number }>(
      "select count(*)::int as synchronous from pg_stat_replication where sync_state in ('sync', 'quorum')",
    ),
  );
  return {
    primaries: roles.filter((one) => one.standby === false).map((one) => one.node),
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

async function standbyOrDown(context: MitigationContext, cluster: string, node: string): Promise<boolean | undefined> {
  try {
    return await sessions(context).use(cluster, node, isStandby);
  } catch (error) {
    // A node that does not answer takes no writes that anybody could see.
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}

function problemsOf(seen: Seen, step: StepContext): readonly string[] {
  const count = number(step, "count");
  return [
    ...(seen.primaries.length === 1
      ? []
      : [`${seen.primaries.length} nodes take writes: ${seen.primaries.join(", ")}.`]),
    ...seen.strays,
    ...(seen.synchronous >= count ? [] : [`Commits wait for ${seen.synchronous} standby(s) instead of ${count}.`]),
  ];
}
