import type { StepHandler } from "../plan/handler.ts";
import { purgeHandler } from "./cache/step.ts";
import type { RecoveryContext } from "./context.ts";
import { repairHandler } from "./repair/step.ts";

/** How the steps of recovery's plans are carried out. */
export function recoveryHandlers(context: RecoveryContext): readonly StepHandler[] {
  return [repairHandler(context), purgeHandler(context)];
}
