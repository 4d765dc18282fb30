import type { Json } from "../../../base/json.ts";
import { type InFlightLook, lookInFlight } from "../../../recover/in-flight.ts";
import { recordRecovery } from "../../../recover/record.ts";
import { clusterNamed } from "../../../system/names.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { incidentAbout } from "../../incident-about.ts";
import { wrapped } from "../../output/layout.ts";
import { counted } from "../../output/quantities.ts";

export type InFlightOptions = Readonly<{ node?: string; directory?: string; incident?: string }>;

export async function inFlightCommand(
  context: CommandContext,
  options: InFlightOptions,
  named: string | undefined,
): Promise<Outcome> {
  const { out, signal, home } = context;
  const system = await context.system();
  const cluster = clusterNamed(system, named);
  const timeline = await context.timeline();
  const room = { system, fleet: await context.fleet(), timeline, home, signal };
  const { node, directory } = options;
  const look = await lookInFlight({
    ...room,
    cluster,
    ...(node === undefined ? {} : { node: node.replace(`${cluster}/`, "") }),
    ...(directory === undefined ? {} : { directory }),
  });
  for (const finding of look.findings) out.finding(finding);
  out.text(...(look.findings.length > 0 ? [""] : []), ...summaryLines(look, out.layout.width));

  const incident = await incidentAbout(context, { kind: "cluster", name: cluster }, options.incident);
  const figures = {
    inFlight: look.inFlight.length,
    prepared: look.prepared.length,
    preparedLost: look.preparedLost.length,
  };
  await recordRecovery(timeline, incident, "in-flight", summaryOf(look), figures, context.actor);
  const isCritical = look.findings.some(({ severity }) => severity === "critical");
  return { exitCode: isCritical ? 1 : 0, result: { ...figures, look: look as unknown as Json } };
}

function summaryLines(look: InFlightLook, width: number): string[] {
  const last = look.lastCommits.at(-1);
  return [
    summaryOf(look),
    ...wrapped(`${look.directory}, ${look.from} to ${look.to}`, width, "  log: "),
    ...(last === undefined ? [] : [`  last commit in it: ${last.at} (${last.lsn})`]),
    ...look.unseen.flatMap((text) => wrapped(text, width, "  not seen: ")),
  ];
}

function summaryOf(look: InFlightLook): string {
  const parts = [
    counted(look.inFlight.length, "transaction"),
    `${counted(look.prepared.length, "prepared one")} left behind`,
    `${counted(look.preparedLost.length, "prepared one")} lost`,
  ];
  return `In flight when ${look.node ?? look.cluster} crashed: ${parts.join(", ")}.`;
}
