import type { Plan, Refusal, Risk, Step } from "../../plan/plan.ts";
import { type Layout, wrapped } from "./layout.ts";
import { bytesText, counted, durationText } from "./quantities.ts";
import type { Style } from "./style.ts";

/** A plan as the person who approves it reads it: why, what it risks, what it does. */
export function renderPlan(plan: Plan, style: Style, layout: Layout): string[] {
  const { width } = layout;
  const risks = riskLines(plan.risk);
  return [
    `${style.bold(`Plan: ${plan.kind} ${plan.subject.name}`)}  ${style.dim(plan.id)}`,
    "",
    "Because",
    ...plan.because.flatMap((reason) => wrapped(reason, width, "  · ")),
    ...(risks.length === 0 ? [] : ["Risk", ...risks.flatMap((line) => wrapped(line, width, "  · "))]),
    "Steps",
    ...plan.steps.flatMap((step, index) => {
      const mark = cannotBeUndone(step) ? ` ${style.yellow("[cannot be undone]")}` : "";
      return wrapped(`${step.title}${mark}`, width, `  ${String(index + 1).padStart(2)}. `);
    }),
  ];
}

export function cannotBeUndone({ destructive, undoable }: Step): boolean {
  return destructive === true && undoable !== true;
}

/** A refusal names what is missing, how to provide it, and the flag that takes the risk, where there is one. */
export function renderRefusal(refusal: Refusal, style: Style, layout: Layout): string[] {
  const { width } = layout;
  return [
    ...wrapped(`No plan: ${refusal.missing}`, width, style.red("refused: ")),
    ...wrapped(refusal.rule, width, "  rule: "),
    ...wrapped(refusal.provide, width, "  next: "),
    ...(refusal.accept === undefined ? [] : wrapped(refusal.accept, width, "  or take the risk: ")),
  ];
}

/** A plan that touches neither the writes nor the clients says nothing of them. */
function riskLines(risk: Risk): string[] {
  const { lossBytes, downtimeSeconds, statements } = risk;
  if (lossBytes === 0 && downtimeSeconds === 0) return [...statements];
  const loss = lossText(risk);
  return [loss, `clients cannot write for about ${durationText(downtimeSeconds * 1000)}`, ...statements];
}

function lossText({ lossBytes, lossSeconds, lostBefore }: Risk): string {
  if (lossBytes === 0 && lostBefore) return "nothing is lost beyond what a crash may have taken";
  if (lossBytes === 0) return "no acknowledged write is lost";
  if (lossBytes === null && lossSeconds === null) return "how much could be lost cannot be known";
  const bytes = lossBytes === null ? "an unknown amount" : bytesText(lossBytes);
  const seconds = lossSeconds === null ? "" : `, the last ${counted(Math.ceil(lossSeconds), "second")}`;
  return `acknowledged writes could be lost: ${bytes} of write-ahead log${seconds}`;
}
