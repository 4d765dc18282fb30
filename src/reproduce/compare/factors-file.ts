import { isMap, isSeq, parseDocument, stringify, YAMLSeq } from "yaml";
import { BlackstartError } from "../../base/error.ts";
import { factorsMax, type WrittenScenario } from "../scenario/schema.ts";
import type { Factors } from "./factors.ts";
import type { Difference } from "./subject.ts";

export type Written = Readonly<{ text: string; added: number; already: readonly string[] }>;

/**
 * The factors added to a scenario's text, whose comments and order stay as they are; what cannot be a factor stands
 * behind them as comments, and so do the least likely where there are too many. A factor whose id is there already is left
 * as it is. Pure; throws INPUT_INVALID.
 * @param text of the scenario; empty for the factors alone
 */
export function withFactors(text: string, { factors, others }: Factors, path: string): Written {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw noScenario(path, error.message.split("\n")[0] ?? "");
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isMap(document.contents)) throw noScenario(path, "A scenario is a mapping: `symptom: …`, `factors: …`.");
  const there: unknown = document.get("factors");
  if (there !== undefined && there !== null && !isSeq(there)) throw noScenario(path, "`factors` is no list.");
  const list = isSeq(there) ? there : new YAMLSeq(document.schema);
  if (list !== there) document.set("factors", list);
  const ids = new Set(((list.toJSON() ?? []) as { id?: string }[]).map((one) => one?.id));
  const already = factors.map(({ factor }) => factor.id).filter((id) => ids.has(id));
  const missing = factors.filter(({ factor }) => !ids.has(factor.id));
  const added = missing.slice(0, Math.max(0, factorsMax - list.items.length));
  for (const { factor, of } of added) {
    const node = document.createNode(factor, { aliasDuplicateObjects: false });
    node.commentBefore = comment([sides(of), of.why]);
    list.add(node);
  }
  const reason = `a scenario has at most ${factorsMax} factors, and this one is less likely to matter`;
  const tooMany = missing.slice(added.length).map(({ of }) => ({ of, reason }));
  const left = [...tooMany, ...others].map(({ of, reason }) => `${of.where}: ${sides(of)}; ${reason}`);
  const notes = left.filter((line) => !(list.comment ?? "").includes(line));
  if (notes.length > 0)
    list.comment = [list.comment ?? comment(["Differences that are no factors here:"]), comment(notes)].join("\n");
  return { text: document.toString({ lineWidth: 0 }), added: added.length, already };
}

/**
 * A scenario to add factors to. It runs as it is; what was seen, and the fault that began it, only a person can put in. Pure.
 * @param name of its file, without the ending
 */
export function newScenario(
  name: string,
  sides: readonly [string, string],
  cluster: WrittenScenario["cluster"],
): string {
  const [left, right] = sides;
  const scenario =
    name
      .replace(/[^A-Za-z0-9_.-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 63) || "differences";
  const about = `How ${left} differs from ${right}: every factor makes one of the differences in a cluster that is as ${right}.`;
  return `${stringify({ scenario, about, cluster }, { lineWidth: 0 })}
# The fault that began it is a factor as well. It stands last: - { id: crash, fault: kill-primary }
factors:

# What counts as *the* outage. Put in what was seen: docs/scenario-file.md has every kind.
symptom: { no-write-for: 30s }
`;
}

function sides({ left, right }: Difference): string {
  return `left ${left ?? "(not there)"}, right ${right ?? "(not there)"}`;
}

/** Each line begins with a blank; a line break in a value must not end the comment. */
function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${line.replace(/\s+/g, " ")}`).join("\n");
}

function noScenario(path: string, why: string): BlackstartError {
  return new BlackstartError("INPUT_INVALID", {
    what: `${path} is no scenario to which factors could be added.`,
    why,
    next: "Name another file; one that is not there is made.",
    details: { path },
  });
}
