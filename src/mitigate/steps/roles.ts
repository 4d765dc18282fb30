import { BlackstartError } from "../../base/error.ts";
import { delay } from "../../base/time.ts";
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
  const nodes = Object.keys(context.system.clusters[cluster]?.nodes ?? {}).filter((node) => node !== except);
  const answers = await Promise.all(nodes.map((node) => takesWrites(context, cluster, node)));
  return nodes.filter((_, at) => answers[at]);
}

async function takesWrites(context: MitigationContext, cluster: string, node: string): Promise<boolean> {
  const limit = new AbortController();
  const late = delay(answerTimeoutMs, limit.signal).catch(() => undefined /* the answer came first */);
  const asked = sessions(context)
    .use(cluster, node, async (connection) => !(await isStandby(connection)))
    .catch((error) => {
      // It does not answer: it takes no writes that anybody could see.
      if (error instanceof BlackstartError) return false;
      throw error;
    });
  try {
    return (await Promise.race([asked, late.then(() => false)])) === true;
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
