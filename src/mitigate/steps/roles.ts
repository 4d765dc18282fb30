import { BlackstartError } from "../../base/error.ts";
import { delay, pollUntil } from "../../base/time.ts";
import type { CheckResult, StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { text } from "./parameters.ts";
import { isStandby, sessions } from "./servers.ts";

/*
 * Who takes writes now. A plan may be carried out long after it was made, or be resumed after somebody else mended the
 * same outage: every step that could make a second primary, or lead clients away from the only one, asks first.
 */

/** A server that works answers sooner; one that is cut off or hangs swallows the call, and clients wait meanwhile. */
const answerTimeoutMs = 300;

/** The declared nodes, without `except`, that answer at once and take writes. */
export async function takingWrites(
  context: MitigationContext,
  cluster: string,
  except?: string,
): Promise<readonly string[]> {
  const roles = await rolesOf(context, cluster);
  return roles.filter((one) => one.role === "primary" && one.node !== except).map((one) => one.node);
}

/** Two executors of two stores cannot see each other's lease, but both can see the standbys. */
const promotionLock = 8_253_017_641;
/** A promotion takes milliseconds. A lock whose holder lost its power lasts for hours, and is not waited for. */
const lockTimeoutMs = 5000;

/**
 * Does this while no other executor does the same on any of the standbys that both can see: each takes the locks in the
 * same order, on the standbys themselves. Whoever comes second looks after the first has ended.
 */
export async function whileNobodyElsePromotes<T>(
  context: MitigationContext,
  step: StepContext,
  work: () => Promise<T>,
): Promise<T> {
  const cluster = text(step, "cluster");
  const roles = await rolesOf(context, cluster);
  const standbys = roles.filter((one) => one.role === "standby").map((one) => one.node);
  const locked = ([first, ...rest]: readonly string[]): Promise<T> => {
    if (first === undefined) return work();
    return sessions(context).use(cluster, first, async (connection) => {
      const take = async () => {
        const [row] = await connection.query<{ got: boolean }>("select pg_try_advisory_lock($1) as got", [
          promotionLock,
        ]);
        return row?.got === true ? true : undefined;
      };
      const got = await pollUntil(take, { everyMs: 20, timeoutMs: lockTimeoutMs, signal: step.signal });
      try {
        return await locked(rest);
      } finally {
        // A connection that is gone has given its lock back.
        if (got) await connection.query("select pg_advisory_unlock($1)", [promotionLock]).catch(() => undefined);
      }
    });
  };
  return locked(standbys.sort());
}

type Role = "primary" | "standby" | undefined;

async function rolesOf(
  context: MitigationContext,
  cluster: string,
): Promise<readonly Readonly<{ node: string; role: Role }>[]> {
  const nodes = Object.keys(context.system.clusters[cluster]?.nodes ?? {});
  return Promise.all(nodes.map(async (node) => ({ node, role: await roleOf(context, cluster, node) })));
}

async function roleOf(context: MitigationContext, cluster: string, node: string): Promise<Role> {
  const limit = new AbortController();
  const late = delay(answerTimeoutMs, limit.signal).catch(() => undefined /* the answer came first */);
  const asked = sessions(context)
    .use(cluster, node, async (connection): Promise<Role> => ((await isStandby(connection)) ? "standby" : "primary"))
    .catch((error) => {
      // It does not answer: it takes no writes that anybody could see.
      if (error instanceof BlackstartError) return undefined;
      throw error;
    });
  try {
    return await Promise.race([asked, late.then(() => undefined)]);
  } finally {
    limit.abort();
  }
}

/** For what comes after a promotion: refused when the promoted node is a standby again, because another was promoted. */
export async function refusedUnlessPrimary(
  context: MitigationContext,
  step: StepContext,
): Promise<CheckResult | undefined> {
  const primary = text(step, "primary");
  if (!(await sessions(context).use(text(step, "cluster"), primary, isStandby))) return undefined;
  return {
    state: "refused",
    why: `${primary} takes no writes: it is a standby. Another node was made the primary since this plan began, or none is.`,
    next: "See `blackstart status`, then make a new plan.",
  };
}
