import { BlackstartError } from "../../base/error.ts";
import type { MitigationContext } from "../context.ts";
import { declaredNode, isStandby, sessions } from "./servers.ts";

/**
 * From which node this one is to replicate: from the one that the system file says (`follows:`), while that is there as a
 * standby; else from the primary.
 */
export async function upstreamFor(
  context: MitigationContext,
  cluster: string,
  node: string,
  primary: string,
): Promise<string> {
  const declared = declaredNode(context, cluster, node).follows;
  if (declared === undefined || declared === primary) return primary;
  try {
    return (await sessions(context).use(cluster, declared, isStandby)) ? declared : primary;
  } catch (error) {
    if (error instanceof BlackstartError) return primary; // It does not answer.
    throw error;
  }
}
