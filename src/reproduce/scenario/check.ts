import { nearest } from "../../base/nearest.ts";
import { faults } from "../../lab/faults/faults.ts";
import { list, type Mapping, mapping, text } from "../../system/loose.ts";
import type { Path, Report } from "../../system/problem.ts";
import { checkPlaces, nodesOf } from "./places.ts";
import { actionKinds, factorKinds, symptomKinds } from "./schema.ts";

/**
 * What no schema says: what fits together. Looks into data of which nothing is known yet, so that all problems are told
 * at once.
 * @param opaque factors may be mere names: an oracle of the user's own knows what they mean
 */
export function checkScenario(data: Mapping, report: Report, opaque: boolean): void {
  const factors = list(data.factors).map(mapping);
  const nodes = nodesOf(data);
  const ids = factors.map(({ id }) => text(id));
  for (const [index, factor] of factors.entries()) {
    const path = ["factors", index];
    if (ids.indexOf(text(factor.id)) < index && factor.id !== undefined)
      report([...path, "id"], "another factor has this id already");
    exactlyOne(factor, factorKinds, path, report, opaque);
    onlyWith(factor, "nodes", ["settings"], path, report);
    checkAction(factor, path, report);
    checkPlaces(factor, nodes, path, report);
    checkNeeds(factor, ids, path, report);
  }
  for (const part of ["before", "afterwards"] as const)
    for (const [index, action] of list(data[part]).map(mapping).entries()) {
      exactlyOne(action, actionKinds, [part, index], report);
      checkAction(action, [part, index], report);
      checkPlaces(action, nodes, [part, index], report);
      checkNeeds(action, ids, [part, index], report);
    }
  if (data.symptom === undefined && opaque) return;
  checkSymptom(data, report);
  checkPlaces({ on: mapping(data.symptom).on }, nodes, ["symptom"], report);
}

function checkAction(action: Mapping, path: Path, report: Report): void {
  onlyWith(action, "on", ["fault", "heal", "sql"], path, report);
  onlyWith(action, "with", ["fault"], path, report);
  onlyWith(action, "after", actionKinds, path, report);
  onlyWith(action, "settled", actionKinds, path, report);
  for (const key of ["fault", "heal"] as const) {
    const name = text(action[key]);
    const names = faults.filter((fault) => key === "fault" || fault.heal !== undefined).map((fault) => fault.name);
    if (name === undefined || names.includes(name)) continue;
    const near = nearest(name, names);
    report(
      [...path, key],
      `is no fault that can be ${key === "fault" ? "injected" : "taken back"}; see \`blackstart lab ${key === "fault" ? "break" : "heal"}\``,
      near === undefined ? {} : { nearest: near },
    );
  }
}

function checkNeeds(factor: Mapping, ids: readonly (string | undefined)[], path: Path, report: Report): void {
  for (const [index, needed] of list(factor.needs).entries()) {
    const name = text(needed);
    if (name === undefined) continue;
    const at = [...path, "needs", index];
    if (name === factor.id) report(at, "a factor cannot need itself");
    else if (!ids.includes(name)) {
      const near = nearest(
        name,
        ids.filter((id) => id !== undefined),
      );
      report(at, "is no factor of this scenario", near === undefined ? {} : { nearest: near });
    }
  }
}

function checkSymptom(data: Mapping, report: Report): void {
  const symptom = mapping(data.symptom);
  exactlyOne(symptom, symptomKinds, ["symptom"], report);
  onlyWith(symptom, "sqlstate", ["fails"], ["symptom"], report);
  onlyWith(symptom, "on", ["log", "violated", "fails"], ["symptom"], report);
  const expression = text(symptom.log);
  if (expression !== undefined) {
    const problem = expressionProblem(expression);
    if (problem !== undefined) report(["symptom", "log"], `is no regular expression: ${problem}`);
  }
  const workload = mapping(data.workload);
  const counts = symptom["lost-writes"] !== undefined || list(symptom["at-rest"]).includes("lost-writes");
  if (counts && workload.write !== undefined && workload.present === undefined)
    report(
      ["symptom", symptom["lost-writes"] === undefined ? "at-rest" : "lost-writes"],
      "needs `workload.present`, the query that tells which writes are there",
    );
}

function exactlyOne(given: Mapping, kinds: readonly string[], path: Path, report: Report, orNone = false): void {
  const found = kinds.filter((kind) => given[kind] !== undefined);
  if (found.length === 0 && !orNone) report(path, `must have one of ${kinds.join(", ")}`);
  for (const kind of found.slice(1))
    report([...path, kind], `cannot stand beside \`${found[0]}\`: one thing each`, { on: "key" });
}

function onlyWith(given: Mapping, key: string, kinds: readonly string[], path: Path, report: Report): void {
  if (given[key] !== undefined && kinds.every((kind) => given[kind] === undefined))
    report([...path, key], `means something only beside ${kinds.join(" or ")}`, { on: "key" });
}

function expressionProblem(expression: string): string | undefined {
  try {
    return RegExp(expression, "m") && undefined;
  } catch (error) {
    return (error as Error).message.replace(/^Invalid regular expression: /, "");
  }
}
