import { BlackstartError } from "../../base/error.ts";
import type { Cib } from "../../drivers/pacemaker/cib.ts";
import type { Edit } from "../../drivers/pacemaker/edit.ts";
import { wordsOf } from "../../drivers/pacemaker/edit-words.ts";
import { nodeOf, placeOf, resourceOf } from "../../drivers/pacemaker/cluster-status.ts";
import { scoreOf } from "../../drivers/pacemaker/score.ts";
import { childOf, childrenOf, parseXml, setValue, xmlText } from "../../drivers/pacemaker/xml.ts";
import type { WrittenScenario } from "../scenario/schema.ts";
import { isPgsql } from "./agent.ts";
import { type Fault, faultText } from "./faults.ts";
import type { State } from "./state.ts";

/** What was found on paper. */
export type Sequence = Readonly<{
  name: string;
  cib: Cib;
  /** Where the search began. */
  initial: State;
  faults: readonly Fault[];
  /** Changes of the configuration that are made before the first fault; none: as it was found. */
  repair: readonly Edit[];
}>;

type Action = NonNullable<WrittenScenario["before"]>[number];

/** Longer than a failover takes in a lab, unless the machine is overloaded. */
const silence = "30s";

/**
 * A sequence of faults as a scenario for a live cluster, which has everything where the search began, and counts it as the
 * outage when no write is accepted any more.
 * @param configuration the CIB's file, as the scenario's file names it
 */
export function scenarioOf({ name, cib, initial, faults, repair }: Sequence, configuration: string): WrittenScenario {
  for (const said of [
    ...cib.nodes.map((node) => node.name),
    ...cib.primitives.flatMap((each) => [each.id, each.group ?? "x"]),
  ])
    if (!/^[\w.-]+$/.test(said)) throw notSayable(said);
  const words = wordsOf(cib, repair);
  return {
    scenario: name,
    about: `Found by a search of all states within some faults: ${faults.map(faultText).join(", then ")}.${words.length > 0 ? " With the repair: it should not show any more." : ""}`,
    cluster: { manager: "pacemaker", configuration },
    before: [...placesOf(cib, initial), ...words.map((line) => ({ manage: line }))],
    factors: faults.flatMap((fault, index) => [
      ...(index === 0 ? [] : [{ id: `rest-${index}`, about: "the cluster comes to rest", manage: atRest }]),
      { id: `fault-${index + 1}`, about: faultText(fault), ...actionOf(cib, fault) },
    ]),
    symptom: { "no-write-for": silence },
  };
}

/**
 * The CIB for the lab: with the roles where the search began. The pgsql agent keeps them in the nodes' attributes, and the
 * lab goes by those.
 */
export function configurationOf(cib: Cib, { roles, scores }: State): string {
  const document = parseXml(xmlText(cib.document));
  const nodes = childrenOf(childOf(childOf(document.documentElement ?? undefined, "configuration"), "nodes"), "node");
  for (const { id } of cib.primitives.filter((each) => each.promotable && isPgsql(each)))
    for (const node of nodes) {
      const place = placeOf(id, node.getAttribute("uname") ?? "");
      const current = (scoreOf(scores.get(place)) ?? -1) >= 0;
      const data = roles.get(place) === "Promoted" ? "LATEST" : current ? "STREAMING|SYNC" : "STREAMING|ASYNC";
      setValue(node, "instance_attributes", `${id}-data-status`, data);
    }
  return xmlText(document);
}

const atRest = "crm_resource --wait --timeout 60";

/** The clusters of trials begin with everything wherever Pacemaker put it; the search began with this. */
function placesOf(cib: Cib, { roles }: State): readonly Action[] {
  return [...roles.keys()].flatMap((place) => {
    const primitive = cib.primitives.find(({ id }) => id === resourceOf(place));
    if (primitive === undefined || primitive.clone !== undefined || primitive.agent.standard === "stonith") return [];
    return [{ manage: moveWords(primitive.group ?? primitive.id, nodeOf(place)) }];
  });
}

function actionOf(cib: Cib, fault: Fault): Action {
  switch (fault.kind) {
    case "node-down":
      return { fault: "power-off", on: nameInLab(fault.node) };
    case "node-back":
      return { heal: "power-off", on: nameInLab(fault.node) };
    case "moved":
      return { manage: moveWords(fault.resource, fault.node) };
    case "score-lost":
      return {
        manage: `crm_attribute --node ${nameInLab(fault.node)} --name master-${fault.resource} --lifetime reboot --update=-INFINITY`,
      };
    case "resource-failed": {
      const primitive = cib.primitives.find(({ id }) => id === fault.resource);
      return primitive !== undefined && isPgsql(primitive)
        ? { fault: "kill", on: `${nameInLab(fault.node)}.all` }
        : { manage: `crm_resource --fail --resource ${fault.resource} --node ${nameInLab(fault.node)}` };
    }
  }
}

/** By a rule of its own, which is taken away again; `resource move` refuses what is there already. */
function moveWords(resource: string, node: string): string {
  const id = `moved-${resource}`;
  return `configure location ${id} ${resource} inf: ${nameInLab(node)}\nconfigure delete ${id}\n`;
}

/** Hosts of labs are called in small letters. */
function nameInLab(node: string): string {
  return node.toLowerCase();
}

/** A scenario's words go through a shell, and node names are free text. */
function notSayable(name: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `“${name}” cannot be said to a lab.`,
    why: "The names of nodes and resources in a scenario have letters, digits, dots, hyphens and underscores.",
    next: "Rename it in a copy of the CIB, and give that.",
  });
}
