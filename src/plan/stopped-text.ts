import { remedyCommand } from "./command.ts";
import type { Plan, Step } from "./plan.ts";

type Ended = Readonly<{ has(id: string): boolean }>;

/**
 * What stands and what does not, for the person who takes over from here.
 * @param begun whether the step at which it stopped was begun; otherwise it stopped before it
 */
export function progressText(steps: readonly Step[], at: Step, begun: boolean, ended: Ended): string {
  const done = steps.filter(({ id }) => ended.has(id));
  const left = steps.slice(steps.findIndex(({ id }) => id === at.id) + (begun ? 1 : 0));
  return [
    done.length === 0 ? "No step was done." : `Done: ${titles(done)}.`,
    ...(begun ? [`It stopped in ${titles([at])}.`] : []),
    ...(left.length === 0 ? [] : [`Not begun: ${fewTitles(left)}.`]),
  ].join(" ");
}

/** `plan show` has them all. */
function fewTitles(steps: readonly Step[]): string {
  return steps.length <= 3 ? titles(steps) : `${titles(steps.slice(0, 1))} and the ${steps.length - 1} steps after it`;
}

export function titles(steps: readonly Step[]): string {
  return steps.map(({ title }) => `“${title}”`).join(", ");
}

/**
 * What to do about a plan that was asked to stop: it has ended, and nothing goes on with it.
 * @param touched the steps that may have changed something
 */
export function leadsOn(plan: Plan, touched: Ended): string {
  const changed = plan.steps.filter(({ id, destructive }) => destructive === true && touched.has(id));
  const isFinal = changed.some(({ takenBackBy }) => takenBackBy === undefined);
  const command = isFinal ? undefined : remedyCommand(plan);
  const back = isFinal ? undefined : changed.findLast(({ takenBackBy }) => takenBackBy !== undefined)?.takenBackBy;
  return [
    "This plan has ended. Look at the state of the cluster (`blackstart status`), then make a new plan",
    command === undefined ? "" : `, \`${command}\``,
    ": its checks find what was done already.",
    back === undefined ? "" : ` To go back instead: \`${back}\`.`,
  ].join("");
}
