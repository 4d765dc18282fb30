import { BlackstartError } from "../../../base/error.ts";
import { listPlans, type PlanState, type PlanStatus } from "../../../plan/status.ts";
import { unknown } from "../../../system/names.ts";
import type { CommandContext } from "../../context.ts";

/** The one plan that is meant: by its id, by the beginning of it where that is unmistakable, or `latest`. */
export async function findPlan(context: CommandContext, asked: string): Promise<PlanStatus> {
  const plans = await listPlans(await context.timeline());
  const latest = plans.at(-1);
  if (asked === "latest" && latest !== undefined) return latest;
  const exact = plans.find(({ id }) => id === asked);
  if (exact !== undefined) return exact;
  const candidates = plans.filter(({ id }) => id.startsWith(asked));
  const [only] = candidates;
  if (candidates.length === 1 && only !== undefined) return only;
  const ids = (candidates.length > 1 ? candidates : plans).map(({ id }) => id).reverse();
  if (candidates.length === 0)
    throw unknown("plan", asked, ids, "Have one made: `blackstart mitigate`, or `blackstart recover`.");
  throw new BlackstartError("UNKNOWN_NAME", {
    what: `“${asked}” is the beginning of ${candidates.length} plans.`,
    why: `It could be ${ids.slice(0, 5).join(", ")}${ids.length > 5 ? ", or an older one" : ""}.`,
    next: "Give more of the id.",
  });
}

/** Somebody has to do something about it, or is at it. */
export function isWaiting({ state, undo }: PlanStatus): boolean {
  if (undo?.state === "running" || undo?.state === "interrupted") return true;
  return state === "proposed" || state === "approved" || state === "running" || state === "interrupted";
}

export function isInterrupted({ state, undo }: PlanStatus): boolean {
  return state === "interrupted" || undo?.state === "interrupted";
}

/** The command that goes on with one that was interrupted. */
export function goOnWith({ id, undo }: PlanStatus): string {
  return `blackstart plan ${undo?.state === "interrupted" ? "undo" : "resume"} ${id}`;
}

export function stateText({ state, undo }: Pick<PlanStatus, "state" | "undo">): string {
  const text = ended(state);
  if (undo === undefined) return text;
  const undoing = {
    running: "being undone",
    interrupted: "its undoing was interrupted half-way",
    undone: "undone",
    stopped: "its undoing stopped half-way",
  }[undo.state];
  return `${text}; ${undoing}`;
}

function ended(state: PlanState): string {
  return {
    proposed: "proposed",
    approved: "approved, not begun",
    running: "running",
    interrupted: "interrupted half-way",
    done: "done",
    "done-with-failures": "done, but for some steps",
    stopped: "stopped half-way",
    discarded: "discarded",
  }[state];
}
