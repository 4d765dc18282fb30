import { knownState } from "../../drivers/postgres/instance.ts";
import type { StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { stepFailed, text } from "./parameters.ts";
import { otherWriters, refusedIfUnknown, whoWrites } from "./roles.ts";
import { neededInstance } from "./servers.ts";

/** The server has no standby.signal any more. Only while no other node takes writes: it starts as a primary then. */
export function unmarkHandler(context: MitigationContext): StepHandler {
  return {
    kind: "host.unmark",
    async check(step) {
      const [cluster, node] = [text(step, "cluster"), text(step, "node")];
      const instance = await neededInstance(context, cluster, node);
      if (!(await knownState(instance)).standbySignal) return { state: "done", outcome: { unmarked: false } };
      const { taking, unknown } = otherWriters(await whoWrites(context, cluster, node), node);
      if (taking.length === 0)
        return refusedIfUnknown(unknown, `${node} could be a second primary`) ?? { state: "ready" };
      return {
        state: "refused",
        why: `${taking.join(" and ")} takes writes; ${node} would be a second primary.`,
        next: `Bring ${node} back as a standby: \`blackstart mitigate rejoin\`.`,
      };
    },
    async do(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      await step.assertHeld();
      await instance.unmarkStandby();
      return { unmarked: true };
    },
    async verify(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      if (!(await knownState(instance)).standbySignal) return;
      throw stepFailed(
        `${text(step, "node")} still has its standby.signal.`,
        "Something puts it back.",
        "Find out what does, then make a new plan.",
      );
    },
  };
}
