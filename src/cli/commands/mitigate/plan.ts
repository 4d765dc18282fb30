import { BlackstartError } from "../../../base/error.ts";
import type { JsonObject } from "../../../base/json.ts";
import type { Ref } from "../../../finding/finding.ts";
import { makeMitigationPlan } from "../../../mitigate/plans.ts";
import { clusterNamed, nodeNamed, unknown } from "../../../system/names.ts";
import type { System } from "../../../system/schema.ts";
import { type ApplyOptions, proposeOrApply } from "../../carry-out.ts";
import type { Outcome } from "../../command.ts";
import { commandAgain } from "../../command-again.ts";
import type { CommandContext } from "../../context.ts";
import { incidentAbout } from "../../incident-about.ts";
import { noTarget, withChoices } from "./choices.ts";

export type MitigateOptions = ApplyOptions &
  Readonly<{
    to?: string;
    acceptLoss?: boolean;
    evenIfStarting?: boolean;
    incident?: string;
    copy?: readonly string[];
    slot?: readonly string[];
  }>;

export async function mitigateCommand(
  context: CommandContext,
  kind: string,
  target: string | undefined,
  options: MitigateOptions,
): Promise<Outcome> {
  const system = await context.system();
  const subject = subjectOf(system, kind, target);
  const incident = await incidentAbout(context, subject, options.incident);
  const request = { kind, subject, options: requestOptions(system, subject, options, incident) };
  const room = { system, fleet: await context.fleet(), timeline: await context.timeline() };
  const plan = withChoices(await makeMitigationPlan(request, room), system, kind, subject.name.split("/")[0] ?? "");
  return proposeOrApply(context, plan, options, commandAgain(["mitigate", kind, target ?? subject.name], options));
}

function requestOptions(
  system: System,
  subject: Ref,
  options: MitigateOptions,
  incident: string | undefined,
): JsonObject {
  return {
    ...(options.to === undefined ? {} : { node: nodeWithin(system, subject.name, options.to) }),
    ...(options.acceptLoss ? { acceptLoss: true } : {}),
    ...(options.evenIfStarting ? { evenIfStarting: true } : {}),
    ...(options.copy === undefined || options.copy.length === 0 ? {} : { copies: options.copy }),
    ...(options.slot === undefined || options.slot.length === 0 ? {} : { slots: options.slot }),
    ...(incident === undefined ? {} : { incident }),
  };
}

/** `--to pg2` and `--to ledger/pg2` mean the same. */
function nodeWithin(system: System, cluster: string, text: string): string {
  const { cluster: itsCluster, node } = nodeNamed(system, text.includes("/") ? text : `${cluster}/${text}`);
  if (itsCluster === cluster) return node;
  throw new BlackstartError("USAGE", {
    what: `${text} is not of the cluster ${cluster}.`,
    why: "Only a node of the same cluster can take over.",
    next: `Name one of: ${Object.keys(system.clusters[cluster]?.nodes ?? {}).join(", ")}.`,
  });
}

function subjectOf(system: System, kind: string, target: string | undefined): Ref {
  switch (kind) {
    case "rejoin":
    case "demote":
    case "unfence":
      if (target === undefined) throw noTarget(system, kind);
      return nodeRef(system, target);
    case "restart":
      if (target === undefined) throw noTarget(system, kind);
      return anything(system, target);
    case "clean-up":
      if (target !== undefined) return clusterOrNode(system, target);
      return { kind: "cluster", name: clusterNamed(system) };
    default:
      if (target === undefined && Object.keys(system.clusters).length > 1) throw noTarget(system, kind);
      return { kind: "cluster", name: clusterNamed(system, target) };
  }
}

function clusterOrNode(system: System, name: string): Ref {
  return Object.hasOwn(system.clusters, name) ? { kind: "cluster", name } : nodeRef(system, name);
}

/** A node, a cluster or a service: whatever bears this name. */
function anything(system: System, name: string): Ref {
  if (Object.hasOwn(system.services, name)) return { kind: "service", name };
  if (Object.hasOwn(system.clusters, name)) return { kind: "cluster", name };
  const nodes = Object.values(system.clusters).flatMap((cluster) => Object.keys(cluster.nodes));
  if (name.includes("/") || nodes.includes(name)) return nodeRef(system, name);
  throw unknown("node, cluster or service", name, [
    ...nodes,
    ...Object.keys(system.clusters),
    ...Object.keys(system.services),
  ]);
}

function nodeRef(system: System, text: string): Ref {
  const { cluster, node } = nodeNamed(system, text);
  return { kind: "node", name: `${cluster}/${node}` };
}
