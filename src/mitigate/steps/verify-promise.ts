import { pollUntil } from "../../base/time.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { number, stepFailed, text, texts } from "./parameters.ts";
import { whoWrites } from "./roles.ts";
import { sessions } from "./servers.ts";

const settleTimeoutMs = 5000;

/** One primary, every expected standby streams, and commits wait for as many as was promised. Only looks. */
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
        return { primary: seen.primaries[0] ?? null, streaming: seen.streaming, synchronous: seen.synchronous };
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
  streaming: number;
  synchronous: number;
}>;

async function look(context: MitigationContext, step: StepContext): Promise<Seen> {
  const cluster = text(step, "cluster");
  const expected = new Set([text(step, "primary"), ...texts(step, "nodes")]);
  // What the plan has cut off, and does not expect back, is not waited for.
  const all = (await whoWrites(context, cluster)).filter((one) => one.writes === "takes" || expected.has(one.node));
  const rows = await sessions(context).use(cluster, text(step, "primary"), (connection) =>
    connection.query<{ streaming: number; synchronous: number }>(
      `select count(*) filter (where state = 'streaming')::int as streaming,
              count(*) filter (where sync_state in ('sync', 'quorum'))::int as synchronous
       from pg_stat_replication`,
    ),
  );
  return {
    primaries: all.filter((one) => one.writes === "takes").map((one) => one.node),
    unknown: all.filter((one) => one.writes === "unknown").map(({ node, why }) => `${node}: ${why}`),
    streaming: rows[0]?.streaming ?? 0,
    synchronous: rows[0]?.synchronous ?? 0,
  };
}

function problemsOf(seen: Seen, step: StepContext): readonly string[] {
  const expected = new Set(texts(step, "nodes").filter((node) => node !== text(step, "primary"))).size;
  const count = number(step, "count");
  return [
    ...(seen.primaries.length === 1
      ? []
      : [`${seen.primaries.length} nodes take writes: ${seen.primaries.join(", ")}.`]),
    ...(seen.unknown.length === 0 ? [] : [`Whether these take writes is not known: ${seen.unknown.join("; ")}.`]),
    ...(seen.streaming >= expected ? [] : [`${seen.streaming} of ${expected} standbys stream.`]),
    ...(seen.synchronous >= count ? [] : [`Commits wait for ${seen.synchronous} standby(s) instead of ${count}.`]),
  ];
}
