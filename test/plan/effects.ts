import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import type { StepHandler } from "../../src/plan/handler.ts";
import type { Plan, Step } from "../../src/plan/plan.ts";

/** Where a step can be held up: in each phase, and half-way through its effect. */
export type HoldPoint = "check" | "half" | "written" | "verify" | "undo" | "undone";
export const holdPoints: readonly HoldPoint[] = ["check", "half", "written", "verify"];

/**
 * A step with an effect that must happen exactly once: it adds a line to a file, in two writes. `check` reads the
 * file; what a crash left of a half-written line is cut off before it is written again.
 */
export function lineHandler(file: string, at: (step: string, point: HoldPoint) => Promise<void>): StepHandler {
  return {
    kind: "test.line",
    check: async ({ stepId, parameters }) => {
      await at(stepId, "check");
      const line = lineOf(stepId, String(parameters.text));
      return linesIn(file).includes(line) ? { state: "done", outcome: { line } } : { state: "ready" };
    },
    do: async ({ stepId, parameters, assertHeld }) => {
      const line = lineOf(stepId, String(parameters.text));
      const whole = existsSync(file) ? readFileSync(file, "utf8") : "";
      await assertHeld();
      if (existsSync(file)) truncateSync(file, whole.lastIndexOf("\n") + 1);
      appendFileSync(file, line.slice(0, 3));
      await at(stepId, "half");
      await assertHeld();
      appendFileSync(file, `${line.slice(3)}\n`);
      await at(stepId, "written");
      return { line };
    },
    verify: async ({ stepId }, { line }) => {
      await at(stepId, "verify");
      if (!linesIn(file).includes(String(line))) throw new Error("the line is not there");
    },
    undo: async ({ stepId, assertHeld }, { line }) => {
      await at(stepId, "undo");
      const lines = linesIn(file);
      const last = lines.at(-1);
      // Taken back already by a call that was killed.
      if (!lines.includes(String(line))) return { state: "undone", outcome: {} };
      if (last !== line) throw new Error(`the last line is ${last}`);
      await assertHeld();
      writeFileSync(
        file,
        lines
          .slice(0, -1)
          .map((each) => `${each}\n`)
          .join(""),
      );
      await at(stepId, "undone");
      return { state: "undone", outcome: {} };
    },
  };
}

function lineOf(step: string, text: string): string {
  return `${step} wrote ${text}`;
}

export function linesIn(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
}

export function step(id: string, more: Partial<Step> = {}): Step {
  return { id, kind: "test.line", title: `Write the line of ${id}`, parameters: { text: id }, ...more };
}

export function planOf(
  id: string,
  steps: readonly Step[],
  subject: Plan["subject"] = { kind: "cluster", name: "ledger" },
): Plan {
  const risk = { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 0, statements: [] };
  return {
    id,
    kind: "test",
    subject,
    because: ["A test wants it."],
    risk,
    steps,
    createdAt: "2026-11-20T03:07:12.345Z",
  };
}
