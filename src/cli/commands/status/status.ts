import type { Json, JsonObject } from "../../../base/json.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { incidentJson } from "../incident/list.ts";
import { planJson } from "../plan/list.ts";
import { openPlans } from "../plan/open.ts";
import { look, type StatusLook } from "./look.ts";
import { nextStep } from "./next-step.ts";
import { renderStatus } from "./render.ts";

export async function statusCommand(context: CommandContext): Promise<Outcome> {
  const { out } = context;
  const seen = await look(context);
  const next = nextStep(seen);
  for (const record of records(seen)) out.record(record);
  out.text(...renderStatus(seen, next, out.style, out.layout));
  const critical = seen.findings.filter(({ severity }) => severity === "critical").length;
  return {
    exitCode: seen.findings.some(({ severity }) => severity !== "info") ? 1 : 0,
    result: {
      system: seen.system.system,
      up: seen.up !== undefined,
      critical,
      incidents: seen.incidents.filter(({ status }) => status !== "resolved").length,
      plans: openPlans(seen).length,
      next: next?.command ?? null,
    },
  };
}

function records(seen: StatusLook): JsonObject[] {
  const plain = (value: object): Json => value as unknown as Json;
  return [
    ...seen.nodes.map((node) => ({ node: plain(node) })),
    ...seen.services.map((service) => ({ service: plain(service) })),
    ...seen.caches.map((cache) => ({ cache: plain(cache) })),
    ...seen.findings.map((finding) => ({ finding: plain(finding) })),
    ...seen.incidents
      .filter(({ status }) => status !== "resolved")
      .map((incident) => ({ incident: incidentJson(incident) })),
    ...openPlans(seen).map((plan) => ({ plan: planJson(plan) })),
  ];
}
