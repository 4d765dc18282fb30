import type { Element } from "@xmldom/xmldom";
import type { Adaptation } from "./adaptation.ts";
import { childrenOf, descendantsOf, idOf, parentOf, remove } from "../../drivers/pacemaker/xml.ts";
import { sectionOf } from "./xml.ts";

/**
 * Takes out fencing devices, resources that need systemd, and those whose agent is not on this machine; with them the
 * constraints that speak of them, for a constraint about nothing is refused by Pacemaker.
 */
export function leaveOutWhatCannotRun(adaptation: Adaptation, agents: (name: string) => boolean): void {
  const gone: string[] = [];
  for (const primitive of descendantsOf(adaptation.cib, "primitive", "bundle")) {
    const agent = agentOf(primitive);
    const why = reasonAgainst(agent, agents);
    if (why === undefined) continue;
    gone.push(idOf(primitive));
    adaptation.tell({ where: `resource ${idOf(primitive)}`, was: agent, why });
    removeUpwards(primitive, gone);
  }
  leaveOut(adaptation, gone, []);
}

function agentOf(primitive: Element): string {
  if (primitive.tagName === "bundle") return "bundle";
  const template = primitive.getAttribute("template");
  if (template !== null) return `template ${template}`;
  return ["class", "provider", "type"]
    .map((name) => primitive.getAttribute(name))
    .filter(Boolean)
    .join(":");
}

function reasonAgainst(agent: string, agents: (name: string) => boolean): string | undefined {
  if (agent === "bundle") return "a lab's hosts run no containers";
  if (agent.startsWith("stonith:")) return "a lab has no fencing device";
  if (agent.startsWith("template ")) return "templates of resources are not understood here; write the resource out";
  if (!agent.startsWith("ocf:")) return "a lab's hosts run neither systemd nor init scripts";
  return agents(agent) ? undefined : "this resource agent is not on this machine";
}

/** A group or clone that is empty now goes as well. */
function removeUpwards(element: Element, gone: string[]): void {
  const parent = parentOf(element);
  remove(element);
  if (parent === undefined || !["group", "clone", "master"].includes(parent.tagName)) return;
  if (childrenOf(parent).some(({ tagName }) => ["primitive", "group"].includes(tagName))) return;
  gone.push(idOf(parent));
  removeUpwards(parent, gone);
}

/** Constraints that name these resources or these nodes. */
export function leaveOut({ cib, tell }: Adaptation, resources: readonly string[], nodes: readonly string[]): void {
  if (resources.length + nodes.length === 0) return;
  for (const constraint of childrenOf(sectionOf(cib, "constraints"))) {
    const named = [constraint, ...descendantsOf(constraint, "resource_ref")].flatMap((element) =>
      ["rsc", "with-rsc", "first", "then", ...(element.tagName === "resource_ref" ? ["id"] : [])].map((name) =>
        element.getAttribute(name),
      ),
    );
    const about =
      resources.find((resource) => named.includes(resource)) ??
      nodes.find((node) => constraint.getAttribute("node") === node);
    if (about === undefined) continue;
    remove(constraint);
    tell({ where: `constraint ${idOf(constraint)}`, was: "given", why: `it speaks of ${about}, which is left out` });
  }
}
