import { knownState } from "../../drivers/postgres/instance.ts";
import type { StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { limitOf, stoppedHalfWay, tellingMeanwhile } from "./long-work.ts";
import { stepFailed, text } from "./parameters.ts";
import { neededInstance } from "./servers.ts";

/**
 * Keeps what a server holds before anything overwrites it. Under the plan's own name, so that a plan that is resumed
 * keeps nothing twice, and the next failover keeps again. A server that runs is kept by the step that stops it.
 */
export function keepHandler(context: MitigationContext): StepHandler {
  return {
    kind: "host.keep",
    async check(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      const state = await knownState(instance);
      if (state.state === "no-data")
        return { state: "done", outcome: { kept: false, why: "there is no data directory" } };
      if (state.pids.length > 0)
        return { state: "done", outcome: { kept: false, why: "it runs; the step that stops it keeps it" } };
      return { state: "ready" };
    },
    async do(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      await step.assertHeld();
      // A clone moves the old directory aside as a whole; a rewind changes it in place, so all of it is kept.
      const what = (await instance.canRewind()) ? "everything" : "wal";
      const node = text(step, "node");
      try {
        const keep = () => instance.keep(step.planId, what, limitOf(step)());
        return { kept: true, what, ...(await tellingMeanwhile(step, `${node}: keeping ${what}`, keep)) };
      } catch (error) {
        if (!step.signal.aborted) throw error;
        throw stoppedHalfWay(step, `What ${node} holds is not copied aside; ${node} is down and as it was`);
      }
    },
    async verify(step, outcome) {
      if (outcome.kept === false || typeof outcome.directory === "string") return;
      throw stepFailed(
        `What ${text(step, "node")} holds was not kept.`,
        "The host did not say where.",
        "Copy its data directory aside by hand before anything else.",
      );
    },
  };
}
