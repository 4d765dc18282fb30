import { whatAndWhy } from "../../../base/error.ts";
import { readAll } from "../../../timeline/read-all.ts";
import { type PlanStatus, type StepStatus, streamOfPlan } from "../../../plan/status.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { wrapped } from "../../output/layout.ts";
import { durationText } from "../../output/quantities.ts";
import type { Style } from "../../output/style.ts";
import { findPlan, goOnWith, isInterrupted, stateText } from "./find.ts";
import { planJson } from "./list.ts";

export async function showCommand(context: CommandContext, id: string): Promise<Outcome> {
  const { out } = context;
  const plan = await findPlan(context, id);
  out.plan(plan.plan);
  out.text("", `${out.style.bold("State")}: ${stateText(plan)}`);
  if (plan.startedAt !== undefined)
    out.text(...plan.steps.flatMap((step) => stepLines(step, out.style, out.layout.width)));
  if (plan.stopped !== undefined) {
    out.text(...wrapped(plan.stopped.state, out.layout.width, "  state: "));
    out.text(...wrapped(plan.stopped.next, out.layout.width, "  next: "));
  }
  out.text(...undoLines(plan, out.style, out.layout.width));
  if (out.json) out.events(await readAll(await context.timeline(), { stream: streamOfPlan(plan.id) }));
  if (isInterrupted(plan) || plan.state === "proposed" || plan.state === "approved") {
    out.progress(`Next: ${goOnWith(plan)}`);
  }
  return { result: { plan: planJson(plan) } };
}

function stepLines(status: StepStatus, style: Style, width: number): string[] {
  switch (status.state) {
    case "pending":
      return wrapped(style.dim(status.step.title), width, "  ·           ");
    case "intended":
      return wrapped(
        `${status.step.title} (begun, its end is not recorded)`,
        width,
        `  ${style.yellow("…")}           `,
      );
    case "done": {
      const time = status.already ? "was so" : durationText(status.tookMs);
      return wrapped(status.step.title, width, `  ${style.green("✓")} ${time.padStart(8)}  `);
    }
    case "failed":
      return wrapped(`${status.step.title}: ${whatAndWhy(status)}`, width, `  ${style.red("✗")}   failed  `);
  }
}

function undoLines({ undo, steps }: PlanStatus, style: Style, width: number): string[] {
  if (undo === undefined) return [];
  const lines = undo.steps.flatMap((undone) => {
    const title = steps.find(({ step }) => step.id === undone.step)?.step.title ?? undone.step;
    switch (undone.state) {
      case "intended":
        return wrapped(`${title} (begun, its end is not recorded)`, width, `  ${style.yellow("…")}           `);
      case "undone":
        return wrapped(title, width, `  ${style.green("↶")} ${durationText(undone.tookMs).padStart(8)}  `);
      case "nothing":
        return wrapped(`${title}: ${undone.why}`, width, `  ·  nothing  `);
      case "failed":
        return wrapped(`${title}: ${whatAndWhy(undone)}`, width, `  ${style.red("✗")}   failed  `);
    }
  });
  const left = undo.stopped;
  return [
    style.bold("Undoing"),
    ...lines,
    ...(left === undefined || undo.state !== "stopped"
      ? []
      : [...wrapped(left.state, width, "  state: "), ...wrapped(left.next, width, "  next: ")]),
  ];
}
