import type { Refusal } from "../../plan/plan.ts";
import { serviceOf } from "../../system/names.ts";
import type { System } from "../../system/schema.ts";
import { type PlanDraft, refuse } from "../planning.ts";

const restartDowntimeSeconds = 30;

/** A service is restarted by its own command, and has to answer its probe afterwards. */
export function planServiceRestart(system: System, name: string): PlanDraft | Refusal {
  const service = serviceOf(system, name);
  if (service.restart === undefined || service.host === undefined) {
    const missing = [
      ...(service.host === undefined ? ["host:"] : []),
      ...(service.restart === undefined ? ["restart:"] : []),
    ];
    return refuse(
      "declared",
      `It is not declared how to restart ${name}: ${missing.join(" and ")} missing.`,
      `Declare ${missing.map((one) => `\`${one}\``).join(" and ")} for ${name} in the system file.`,
    );
  }
  return {
    kind: "restart",
    subject: { kind: "service", name },
    because: [`The restart of ${name} was asked for.`],
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: restartDowntimeSeconds,
      statements: [
        `What ${name} is working on is cut off.`,
        ...(service.probe === undefined
          ? [`No \`probe:\` is declared: whether it works afterwards is not checked.`]
          : []),
      ],
    },
    steps: [
      {
        id: "restart",
        kind: "service.restart",
        title: `Restart ${name}: ${service.restart}`,
        parameters: { service: name },
        destructive: true,
      },
    ],
  };
}
