import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { CheckResult, StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import type { WritesVerdict } from "../who-writes.ts";
import { askWrites } from "./ask-writes.ts";
import { text } from "./parameters.ts";
import { isStandby, sessions } from "./servers.ts";

/*
 * Who takes writes now. A plan may be carried out long after it was made, or be resumed after somebody else has ended the
 * same outage: every step that could make a second primary, or lead clients away from the only one, asks first.
 */

export type NodeWrites = Readonly<{ node: string }> & WritesVerdict;

/** Connections that are open already, by node. */
type Held = ReadonlyMap<string, Connection>;

/**
 * Of every declared node.
 * @param fenced the node that the plan has fenced, or is about to: it is not waited for
 */
export function whoWrites(
  context: MitigationContext,
  cluster: string,
  fenced?: string,
  held: Held = new Map(),
): Promise<readonly NodeWrites[]> {
  const nodes = Object.keys(context.system.clusters[cluster]?.nodes ?? {});
  const ask = (node: string) =>
    askWrites(context, { cluster, node, fenced: node === fenced, connection: held.get(node) });
  return Promise.all(nodes.map(async (node) => ({ node, ...(await ask(node)) })));
}

/** Of the nodes other than `except`: those that take writes, those that will, and in words all those of which it is not known. */
export function otherWriters(
  all: readonly NodeWrites[],
  except: string,
): Readonly<{ taking: readonly string[]; becoming: readonly string[]; unknown: readonly string[] }> {
  const others = all.filter((one) => one.node !== except);
  return {
    taking: others.filter((one) => one.writes === "takes").map((one) => one.node),
    becoming: others.filter((one) => one.becomes === true).map((one) => one.node),
    unknown: others.filter((one) => one.writes === "unknown").map(({ node, why }) => `${node}: ${why}`),
  };
}

/** Refused where it is not known whether one of them takes writes. @param more a way out besides */
export function refusedIfUnknown(unknown: readonly string[], otherwise: string, more = ""): CheckResult | undefined {
  if (unknown.length === 0) return undefined;
  return {
    state: "refused",
    why: `Whether another node takes writes is not known (${unknown.join("; ")}), and ${otherwise}.`,
    next: `Bring it back, or see to it that it is down and that its host (\`host:\`) says so; then make a new plan.${more}`,
  };
}

/** Two executors of two stores cannot see each other's lease, but both can see the standbys. */
const promotionLock = 8_253_017_641;
/** A promotion takes milliseconds. A lock whose holder lost its power lasts for hours, and is not waited for. */
const lockTimeoutMs = 5000;

/**
 * Does this while no other executor does the same on any of the standbys that both can see: each takes the locks in the
 * same order, on the standbys themselves. Whoever comes second looks after the first has ended.
 * @param work is given the connections by which the locks are held
 */
export async function whileNobodyElsePromotes<T>(
  context: MitigationContext,
  step: StepContext,
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const held = new Map<string, Connection>();
  const cluster = text(step, "cluster");
  const all = await whoWrites(context, cluster, fencedBy(step));
  const standbys = all.filter((one) => one.role === "standby").map((one) => one.node);
  const locked = ([first, ...rest]: readonly string[]): Promise<T> => {
    if (first === undefined) return work(held);
    return sessions(context).use(cluster, first, async (connection) => {
      held.set(first, connection);
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

/** The runs in which a node was promoted, beside nobody. */
const promotedIn = new WeakSet<object>();

export function notedPromoted({ run }: StepContext): void {
  promotedIn.add(run);
}

/**
 * For what comes after a promotion: refused when the promoted node is a standby again, because another was promoted; and,
 * in a plan that is resumed, when another was promoted beside it.
 */
export async function refusedUnlessPrimary(
  context: MitigationContext,
  step: StepContext,
): Promise<CheckResult | undefined> {
  const [cluster, primary] = [text(step, "cluster"), text(step, "primary")];
  const next = "See `blackstart status`, then make a new plan.";
  if (await sessions(context).use(cluster, primary, isStandby))
    return {
      state: "refused",
      why: `${primary} takes no writes: it is a standby. Another node was made the primary since this plan began, or none is.`,
      next,
    };
  if (promotedIn.has(step.run)) return undefined;
  const { taking } = otherWriters(await whoWrites(context, cluster), primary);
  if (taking.length === 0) return undefined;
  const why = `${taking.join(" and ")} takes writes as well as ${primary}: which of them is the primary, this plan cannot know any more.`;
  return { state: "refused", why, next };
}

/** The old primary, which the plan of this step has fenced. */
export function fencedBy(step: StepContext): string | undefined {
  return typeof step.parameters.old === "string" ? step.parameters.old : undefined;
}
