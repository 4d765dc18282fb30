import type { Document, Element } from "@xmldom/xmldom";
import { BlackstartError } from "../../base/error.ts";
import { adaptAddresses } from "./adapt-addresses.ts";
import { adaptServers } from "./adapt-servers.ts";
import type { Adaptation, Database } from "./adaptation.ts";
import type { Replacement } from "../lab.ts";
import type { LabConfiguration } from "./configuration.ts";
import { leaveOut, leaveOutWhatCannotRun } from "./leave-out.ts";
import {
  append,
  childrenOf,
  descendantsOf,
  idOf,
  parentOf,
  remove,
  setValue,
  valueOf,
  xmlText,
} from "../../drivers/pacemaker/xml.ts";
import { parseCib, sectionOf } from "./xml.ts";

/**
 * Makes a configuration that a lab can run from one that somebody's cluster runs: the same resources, constraints, scores
 * and options, on other machines. What cannot stay as it is is replaced and told. Pure.
 *
 * @param text a cluster information base, as `cibadmin --query` gives it; its status section is not taken over
 * @param lab.binaries the directory of PostgreSQL's programs
 * @param lab.agents whether a resource agent (`ocf:heartbeat:IPaddr2`) is there
 */
export function adaptConfiguration(
  text: string,
  lab: Readonly<{ source: string; binaries: string; agents: (name: string) => boolean }>,
): LabConfiguration {
  const cib = parseCib(text, lab.source);
  const replacements: Replacement[] = [];
  const adaptation: Adaptation = { cib, tell: (replacement) => void replacements.push(replacement) };
  const server = databaseOf(cib, lab.source);
  leaveOutWhatCannotRun(adaptation, lab.agents);
  const servers = adaptServers(adaptation, server, lab.binaries);
  const addresses = adaptAddresses(adaptation, server, servers);
  adaptOptions(adaptation);
  for (const status of descendantsOf(cib, "status")) for (const child of childrenOf(status)) remove(child);
  // A dump of a newer Pacemaker would be refused for this alone; whoever is elected to decide writes its own in.
  cib.documentElement?.setAttribute("crm_feature_set", "3.1.0");
  const shape = { ...servers, ...addresses, resource: idOf(server.primitive), clone: idOf(server.clone) };
  writeNodes(adaptation, shape);
  return { cib: xmlText(cib), replacements, shape };
}

function databaseOf(cib: Document, source: string): Database {
  const found = descendantsOf(cib, "primitive").filter(
    ({ attributes }) => attributes.getNamedItem("type")?.value === "pgsql",
  );
  const [primitive] = found;
  const clone = primitive === undefined ? undefined : parentOf(primitive);
  const promotable =
    clone?.tagName === "master" ||
    (clone?.tagName === "clone" && valueOf(clone, "meta_attributes", "promotable") === "true");
  if (found.length === 1 && primitive !== undefined && clone !== undefined && promotable) return { primitive, clone };
  throw new BlackstartError("USAGE", {
    what: `${source} describes no PostgreSQL cluster that the lab can make.`,
    why:
      found.length > 1
        ? `It has ${found.length} resources of the type pgsql; the lab makes one cluster.`
        : found.length === 0
          ? "It has no resource of the type ocf:heartbeat:pgsql."
          : `The resource ${primitive === undefined ? "" : idOf(primitive)} stands in no promotable clone (nor in a “master”).`,
    next: "Give the configuration of a cluster whose primary is kept by ocf:heartbeat:pgsql.",
  });
}

/** Options of the cluster that would keep a lab from working, or make it wait. */
const options: readonly Readonly<{ name: string; is: string | undefined; why: string; always?: true }>[] = [
  { name: "stonith-enabled", is: "false", why: "a lab has no fencing device", always: true },
  {
    name: "dc-deadtime",
    is: "1s",
    why: "nobody else is to be waited for at the start; the default is 20 s",
    always: true,
  },
  {
    name: "load-threshold",
    is: "0%",
    why: "a lab's hosts share this machine's processors, and each would hold back for the load of all",
    always: true,
  },
  { name: "stonith-watchdog-timeout", is: undefined, why: "a lab has no watchdog" },
  { name: "have-watchdog", is: undefined, why: "a lab has no watchdog" },
  { name: "maintenance-mode", is: undefined, why: "a cluster in maintenance does not react to anything" },
  { name: "stop-all-resources", is: undefined, why: "nothing would run" },
];

function adaptOptions({ cib, tell }: Adaptation): void {
  const config = sectionOf(cib, "crm_config");
  const sets = childrenOf(config).filter(({ tagName }) => tagName === "cluster_property_set");
  for (const { name, is, why, always } of options) {
    const before = sets.map((set) => pairIn(set, name)).find((pair) => pair !== undefined);
    const was = before?.getAttribute("value") ?? undefined;
    if (was === is || (was === undefined && !always)) continue;
    if (before !== undefined) remove(before);
    if (is !== undefined) setValue(config, "cluster_property_set", name, is);
    tell({
      where: `property ${name}`,
      ...(was === undefined ? {} : { was }),
      ...(is === undefined ? {} : { is }),
      why,
    });
  }
  for (const topology of descendantsOf(cib, "fencing-topology")) {
    if (childrenOf(topology).length > 0)
      tell({ where: "fencing-topology", was: "given", why: "a lab has no fencing device" });
    remove(topology);
  }
}

function pairIn(set: Element, name: string): Element | undefined {
  return childrenOf(set).find((pair) => pair.getAttribute("name") === name);
}

/** Attributes that a node keeps: all but those that would hold it back, and those that the agent sets. */
function writeNodes({ cib, tell }: Adaptation, shape: LabConfiguration["shape"]): void {
  const section = sectionOf(cib, "nodes");
  for (const node of childrenOf(section)) {
    const name = node.getAttribute("uname") ?? "";
    const kept = shape.nodes.find((known) => known.name === name.toLowerCase());
    if (kept === undefined) {
      tell({ where: `node ${name}`, was: "given", why: `no server of ${shape.resource} is on it (node_list)` });
      leaveOut({ cib, tell }, [], [name]);
      remove(node);
      continue;
    }
    for (const state of ["standby", "maintenance"]) {
      const was = setValue(node, "instance_attributes", state, undefined);
      if (was !== undefined) tell({ where: `node ${name}, ${state}`, was, why: "the node would take no part" });
    }
  }
  for (const { name, id, role } of shape.nodes) {
    const node = childrenOf(section).find((known) => known.getAttribute("uname")?.toLowerCase() === name);
    const element = node ?? append(section, "node");
    element.setAttribute("id", String(id));
    element.setAttribute("uname", name);
    element.removeAttribute("type");
    // As the agent writes it: who has the newest data, before anybody has started.
    const data = { primary: "LATEST", synchronous: "STREAMING|SYNC", asynchronous: "STREAMING|ASYNC" }[role];
    setValue(element, "instance_attributes", `${shape.resource}-data-status`, data);
  }
}
