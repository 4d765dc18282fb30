import { BlackstartError } from "../../base/error.ts";
import type { Json, JsonObject } from "../../base/json.ts";
import type { StepContext } from "../../plan/handler.ts";

/* Reading a step's parameters. A plan may have been stored by another version: what does not fit is an error. */

export function text(step: StepContext, name: string): string {
  const value = step.parameters[name];
  if (typeof value !== "string" || value === "") throw misfit(step, name, "a text");
  return value;
}

export function number(step: StepContext, name: string): number {
  const value = step.parameters[name];
  if (typeof value !== "number") throw misfit(step, name, "a number");
  return value;
}

export function texts(step: StepContext, name: string): readonly string[] {
  const value = step.parameters[name];
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string"))
    throw misfit(step, name, "a list of texts");
  return value as readonly string[];
}

export function objects(step: StepContext, name: string): readonly JsonObject[] {
  const value = step.parameters[name];
  if (!Array.isArray(value)) throw misfit(step, name, "a list");
  return value.filter(
    (one: Json) => one !== null && typeof one === "object" && !Array.isArray(one),
  ) as readonly JsonObject[];
}

/** A step that failed, with the state in which it leaves things. */
export function stepFailed(what: string, why: string, next: string, cause?: unknown): BlackstartError {
  return new BlackstartError("STEP_FAILED", { what, why, next, ...(cause === undefined ? {} : { cause }) });
}

function misfit(step: StepContext, name: string, wanted: string): BlackstartError {
  return stepFailed(
    `Step ${step.stepId} cannot be carried out: its parameter “${name}” is not ${wanted}.`,
    "The plan was stored by another version, or was changed by hand. Nothing was done by this step.",
    "Discard the plan and make a new one.",
  );
}
