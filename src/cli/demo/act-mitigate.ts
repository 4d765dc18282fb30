import { pollUntil, type Instant } from "../../base/time.ts";
import { readPlan } from "../../plan/status.ts";
import type { Plan } from "../../plan/plan.ts";
import { acknowledgeIncident } from "../../respond/actions/acknowledge.ts";
import { carryOut } from "../carry-out.ts";
import { eventAfter, type Kill, type Scene } from "./story.ts";

/** Somebody takes it, reads the plan that Blackstart proposes, and applies it. Answers when customers are served again. */
export async function stopTheBleeding(
  scene: Scene,
  incident: string,
  kill: Kill,
): Promise<{ servedAgainAt: Instant; readingMs: number }> {
  const { context, timeline, tell, stage } = scene;
  const proposed = await eventAfter(timeline, kill.position, "incident.plan-proposed", context.signal);
  await acknowledgeIncident({ timeline, by: context.actor }, incident);
  tell.act("respond", `${context.person} has it: the team knows, and nobody else is woken`);

  tell.act("mitigate", "what Blackstart proposes; nothing is changed until you say so");
  const plan = await planOf(scene, (proposed.data as { plan: string }).plan);
  context.out.plan(plan);
  const readingMs = await tell.enter("Press Enter to apply it.");
  await carryOut(context, plan, "person");
  const servedAgainAt = await pollUntil(async () => stage.customers.servedAgainAt(kill.at), {
    everyMs: 5,
    timeoutMs: 15_000,
    signal: context.signal,
  });
  if (servedAgainAt === undefined) throw new Error("customers are not served again, although the plan was carried out");
  return { servedAgainAt, readingMs };
}

async function planOf({ timeline }: Scene, id: string): Promise<Plan> {
  const status = await readPlan(timeline, id);
  if (status === undefined) throw new Error(`the proposed plan ${id} is not in the timeline`);
  return status.plan;
}
