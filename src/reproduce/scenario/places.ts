import { nearest } from "../../base/nearest.ts";
import type { Fault } from "../../lab/faults/fault.ts";
import { faults } from "../../lab/faults/faults.ts";
import { processRoles } from "../../lab/faults/process-roles.ts";
import { roles } from "../../lab/faults/targets.ts";
import { list, type Mapping, mapping, text } from "../../system/loose.ts";
import type { Path, Report } from "../../system/problem.ts";
import { scenarioSchema } from "./schema.ts";

const usualStandbys = scenarioSchema.shape.cluster.parse(undefined).standbys;

/**
 * The nodes that a trial may have: pg1 and one for each standby, of the cluster itself or as a factor of topology has it. So
 * a name that is none of these is right in no trial; one that is may still be missing where that factor is absent. Undefined
 * where they are called as a configuration of one's own calls them.
 */
export function nodesOf(data: Mapping): readonly string[] | undefined {
  const cluster = mapping(data.cluster);
  if (cluster.configuration !== undefined) return undefined;
  const own = Array.isArray(cluster.standbys) ? cluster.standbys : usualStandbys;
  const others = list(data.factors).map((factor) => list(mapping(mapping(factor).topology).standbys));
  const counts = [own, ...others].map(({ length }) => length);
  return Array.from({ length: 1 + Math.max(...counts) }, (_, index) => `pg${index + 1}`);
}

/** The nodes, roles and processes that an action, a factor or the symptom names: those that are right in no trial. */
export function checkPlaces(given: Mapping, nodes: readonly string[] | undefined, path: Path, report: Report): void {
  const one = (name: unknown, at: Path, others: readonly string[] = []) => {
    if (nodes !== undefined) known(text(name), [...nodes, ...others], "no node of this cluster", at, report);
  };
  one(given.promote, [...path, "promote"], ["furthest"]);
  one(given.restore, [...path, "restore"]);
  for (const [index, name] of list(given.nodes).entries()) one(name, [...path, "nodes", index]);
  const fault = faults.find(({ name }) => name === (given.fault ?? given.heal));
  if (fault === undefined) one(given.on, [...path, "on"]);
  else checkTarget(fault, given, nodes, path, report);
}

function checkTarget(
  fault: Fault,
  given: Mapping,
  nodes: readonly string[] | undefined,
  path: Path,
  report: Report,
): void {
  if (fault.kind === "cache") return;
  const at = [...path, "on"];
  const target = text(given.on);
  if (target === undefined) {
    if (given.fault !== undefined && given.on === undefined && fault.on === undefined)
      report([...path, "fault"], "can be done to any node: say to which in `on`");
    return;
  }
  const dot = target.lastIndexOf(".");
  const isWhole = dot <= 0 || nodes?.includes(target) === true;
  if (nodes !== undefined)
    known(
      isWhole ? target : target.slice(0, dot),
      [...nodes, ...roles],
      "neither a node of this cluster nor a role",
      at,
      report,
    );
  // Where the names of the nodes are not known, one may have a dot in it.
  if (isWhole || nodes === undefined) return;
  if (fault.kind !== "process") report(at, `names a process: ${fault.name} is done to a node`);
  else known(target.slice(dot + 1), ["all", ...processRoles], "no process of a server", at, report);
}

function known(name: string | undefined, names: readonly string[], what: string, at: Path, report: Report): void {
  if (name === undefined || names.includes(name)) return;
  const near = nearest(name, names);
  report(at, `“${name}” is ${what}: ${names.join(", ")}`, near === undefined ? {} : { nearest: near });
}
