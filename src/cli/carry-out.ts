import { BlackstartError } from "../base/error.ts";
import { planTitle } from "../mitigate/autopilot-decision.ts";
import { createExecutor, type ExecutorOptions, type PlanResult } from "../plan/executor.ts";
import { isRefusal, type Plan, type Refusal } from "../plan/plan.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import type { Outcome } from "./command.ts";
import { planHandlers } from "./compose.ts";
import type { CommandContext } from "./context.ts";
import { wrapped } from "./output/layout.ts";
import { durationText } from "./output/quantities.ts";
import { cannotBeUndone } from "./output/render-plan.ts";

export type ApplyOptions = Readonly<{ apply?: boolean; yes?: boolean }>;

/** Shows a plan, or why there is none; with `--apply` asks once and carries it out. */
export async function proposeOrApply(
  context: CommandContext,
  plan: Plan | Refusal,
  options: ApplyOptions,
  again: string,
): Promise<Outcome> {
  const { out } = context;
  if (isRefusal(plan)) {
    out.refusal(plan);
    return { exitCode: 3, result: { refused: plan.rule } };
  }
  out.plan(plan);
  if (!options.apply) {
    out.progress(`\nNothing was changed. To carry it out:\n  ${again} --apply`);
    return { result: { plan: plan.id, outcome: "proposed" } };
  }
  const how = await confirmed(context, plan, options.yes === true, "--apply --yes");
  const executor = await openExecutor(context, plan);
  await executor.store(plan, context.actor);
  await tellIncident(context, plan, {
    kind: "incident.plan-proposed",
    data: { plan: plan.id, planKind: plan.kind, title: planTitle(plan) },
  });
  const outcome = await carryOut(context, plan, how);
  if (outcome.exitCode === undefined) out.progress("Next: blackstart status");
  return outcome;
}

/** Carries out a stored plan, live. `how`: undefined where it was approved before. */
export async function carryOut(
  context: CommandContext,
  plan: Plan,
  how: "person" | "flag" | undefined,
): Promise<Outcome> {
  const { out } = context;
  const started = performance.now();
  const executor = await openExecutor(context, plan);
  const result = await executor.run(plan.id, context.actor, how);
  const tookMs = Math.round(performance.now() - started);
  await tellIncident(context, plan, {
    kind: "incident.plan-ended",
    data: { plan: plan.id, planKind: plan.kind, outcome: result.outcome, state: result.state },
  });
  return ended(out, result, tookMs);
}

/** The incident's story has the plan in it; each of the two once, whoever tells it first. */
async function tellIncident(context: CommandContext, plan: Plan, event: PlanNews): Promise<void> {
  if (plan.incident === undefined) return;
  const { changeIncident } = await import("../respond/actions/change-incident.ts");
  await changeIncident({ timeline: await context.timeline(), by: context.actor }, plan.incident, ({ plans }) => {
    const known = plans.find((each) => each.plan === plan.id);
    const isTold = event.kind === "incident.plan-proposed" ? known !== undefined : known?.ended != null;
    return isTold ? [] : [event];
  });
}

type PlanNews = Extract<IncidentEvent, { kind: "incident.plan-proposed" | "incident.plan-ended" }>;

function ended(out: CommandContext["out"], result: PlanResult, tookMs: number): Outcome {
  const { planId, outcome, state, next } = result;
  const fields = {
    plan: planId,
    outcome,
    tookMs,
    state,
    ...(next === undefined ? {} : { next }),
  };
  switch (outcome) {
    case "done":
      out.text(out.style.green(`Done in ${durationText(tookMs)}.`));
      return { result: fields };
    case "done-with-failures":
      out.text(out.style.yellow(`Done in ${durationText(tookMs)}, but for the steps marked ✗.`));
      out.progress(`Next: blackstart plan show ${planId}`);
      return { exitCode: 4, result: fields };
    case "stopped":
      out.text(
        out.style.red(`Stopped half-way, after ${durationText(tookMs)}.`),
        ...wrapped(state, out.layout.width, "  state: "),
      );
      out.progress(`  next: ${next ?? `blackstart plan show ${planId}`}`);
      return { exitCode: 4, result: fields };
  }
}

async function openExecutor(context: CommandContext, plan: Plan) {
  return createExecutor(await executorOptions(context, plan));
}

/** What it is carried out with, or undone; shown live. */
export async function executorOptions(context: CommandContext, plan: Plan): Promise<ExecutorOptions> {
  const { out, signal } = context;
  const live = out.livePlan(plan);
  context.defer(async () => live.end());
  return {
    timeline: await context.timeline(),
    handlers: await planHandlers(context),
    signal,
    onEvent: (event) => {
      if (out.json) out.events([event]);
      live.event(event);
    },
    onProgress: (_, line) => live.progress(line),
  };
}

/** Without a terminal nobody can be asked: then only `--yes` will do. */
export async function confirmed(
  context: CommandContext,
  plan: Plan,
  yes: boolean,
  flags: "--apply --yes" | "--yes",
): Promise<"person" | "flag"> {
  if (yes) return "flag";
  if (!context.out.interactive) {
    throw new BlackstartError("NOT_CONFIRMED", {
      what: `The plan ${plan.id} was not carried out: it needs a confirmation.`,
      why: "There is no terminal on which to ask for it.",
      next: `Read the plan above; if it is right, call the same command with ${flags}.`,
      details: { plan: plan.id },
    });
  }
  const final = plan.steps.some(cannotBeUndone);
  if (await agreed(context, `Carry it out?${final ? " Some steps cannot be undone." : ""}`)) return "person";
  throw new BlackstartError("NOT_CONFIRMED", {
    what: `The plan ${plan.id} was not carried out.`,
    why: "You did not confirm it.",
    next: "Nothing was changed.",
    details: { plan: plan.id },
  });
}

/** Asks the person at the terminal; anything but a plain yes is a no. */
export async function agreed({ signal }: CommandContext, message: string): Promise<boolean> {
  const { confirm } = await import("@clack/prompts");
  // Ctrl-D closes the prompt without an answer, and would leave nobody to wait for.
  const left = new AbortController();
  const onKey = (_: unknown, key?: { ctrl?: boolean; name?: string }): void => {
    if (key?.ctrl === true && key.name === "d") left.abort();
  };
  process.stdin.on("keypress", onKey);
  try {
    const until = AbortSignal.any([signal, left.signal]);
    return (await confirm({ message, initialValue: false, output: process.stderr, signal: until })) === true;
  } finally {
    process.stdin.off("keypress", onKey);
  }
}
