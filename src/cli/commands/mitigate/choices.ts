import { BlackstartError } from "../../../base/error.ts";
import { isRefusal, type Plan, type Refusal } from "../../../plan/plan.ts";
import type { System } from "../../../system/schema.ts";

/** What a plan of this kind can be about, each as the command to copy: in an outage nobody looks up how a name is put. */
export function noTarget(system: System, kind: string): BlackstartError {
  const nodes = Object.keys(system.clusters).flatMap((cluster) => nodesOf(system, cluster));
  const things = takesNode.has(kind) ? nodes : Object.keys(system.clusters);
  const commands = [...things, ...(kind === "restart" ? Object.keys(system.services) : [])].map((name) =>
    command(kind, name),
  );
  return new BlackstartError("USAGE", {
    what: `It was not said what to ${kind}.`,
    why:
      commands.length === 0
        ? "The system file names nothing that it could be."
        : "What is to be changed is never guessed.",
    next: commands.length === 0 ? "Add a cluster to the system file." : ["One of these:", ...commands].join("\n"),
    details: { candidates: things },
  });
}

/** A refusal for want of a node leads on by the commands that name one; that of an unknown primary, out of its circle. */
export function withChoices(answer: Plan | Refusal, system: System, kind: string, cluster: string): Plan | Refusal {
  if (!isRefusal(answer)) return answer;
  const verb = answer.rule === "primary-unknown" ? "restart" : answer.rule === "which" ? kind : undefined;
  if (verb === undefined || !takesNode.has(verb)) return answer;
  const nodes = nodesOf(system, cluster);
  // Not every node can be meant: those that it names.
  const named = nodes.filter((node) => answer.provide.split(/[ ,.]+/).includes(node.slice(cluster.length + 1)));
  const commands = (verb === kind ? named : nodes).map((node) => command(verb, node));
  return { ...answer, provide: [answer.provide, ...commands].join("\n") };
}

const takesNode: ReadonlySet<string> = new Set(["restart", "rejoin", "demote", "unfence"]);

function nodesOf(system: System, cluster: string): string[] {
  return Object.keys(system.clusters[cluster]?.nodes ?? {}).map((node) => `${cluster}/${node}`);
}

function command(kind: string, target: string): string {
  return `blackstart mitigate ${kind} ${target}`;
}
