import { whatAndWhy } from "../../base/error.ts";
import type { PlanEvent } from "../../plan/events.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Event } from "../../timeline/timeline.ts";
import { cut, type Layout, wrapped } from "./layout.ts";
import { durationText } from "./quantities.ts";
import type { Style } from "./style.ts";

/** A running plan, shown step by step. On a terminal the last line says what is being done at this moment. */
export interface LivePlan {
  event(event: Event): void;
  /** What a step says of itself while it runs. */
  progress(line: string): void;
  /** Takes the line about the present moment away. */
  end(): void;
}

export type LivePlanOptions = Readonly<{
  /** Without a terminal nothing is drawn over. */
  isTerminal: boolean;
  style: Style;
  layout: Layout;
  write(text: string): void;
}>;

const refreshMs = 100;
const eraseLine = "\r\u001b[2K";

export function createLivePlan(plan: Plan, options: LivePlanOptions): LivePlan {
  const { isTerminal, style, layout, write } = options;
  const titles = new Map(plan.steps.map(({ id, title }) => [id, title]));
  let present: { title: string; since: number; line: string } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const draw = () => {
    if (!isTerminal || present === undefined) return;
    const { title, since, line } = present;
    const text = `${title}${line === "" ? "" : `: ${line}`}`;
    const time = durationText(Math.max(performance.now() - since, 0)).padStart(8);
    write(`${eraseLine}  … ${time}  ${cut(text, layout.width - 15)}`);
  };
  const say = (mark: string, time: string, text: string) => {
    const lines = wrapped(text, layout.width, `  ${mark} ${time.padStart(8)}  `);
    write(`${isTerminal ? eraseLine : ""}${lines.join("\n")}\n`);
    present = undefined;
  };
  if (isTerminal) timer = setInterval(draw, refreshMs).unref();

  return {
    event: (stored) => {
      const event = stored as unknown as PlanEvent;
      switch (event.kind) {
        case "step.intended":
          present = { title: titles.get(event.data.step) ?? event.data.step, since: performance.now(), line: "" };
          return draw();
        case "step.undo-intended": {
          const title = `Undo: ${titles.get(event.data.step) ?? event.data.step}`;
          present = { title, since: performance.now(), line: "" };
          return draw();
        }
        case "step.undone": {
          const { step, nothing, tookMs } = event.data;
          const title = titles.get(step) ?? step;
          if (nothing !== undefined) return say(style.dim("·"), "", `${title}: nothing to undo. ${nothing}`);
          return say(style.green("↶"), durationText(tookMs), `Undone: ${title}`);
        }
        case "step.done": {
          const { step, already, tookMs } = event.data;
          return say(style.green("✓"), already ? "was so" : durationText(tookMs), titles.get(step) ?? step);
        }
        case "step.failed":
        case "step.undo-failed":
          return say(
            style.red("✗"),
            "failed",
            `${titles.get(event.data.step) ?? event.data.step}: ${whatAndWhy(event.data)}`,
          );
        default:
          return undefined;
      }
    },
    progress: (line) => {
      if (present === undefined) return;
      present.line = line;
      draw();
    },
    end: () => {
      clearInterval(timer);
      if (isTerminal && present !== undefined) write(eraseLine);
      present = undefined;
    },
  };
}
