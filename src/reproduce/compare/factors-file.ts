import { isMap, isSeq, parseDocument, YAMLSeq } from "yaml";
import { BlackstartError } from "../../base/error.ts";
import type { Factors } from "./factors.ts";
import type { Difference } from "./subject.ts";

export type Written = Readonly<{ text: string; added: number; already: readonly string[] }>;

/**
 * The factors added to a scenario's text, whose comments and order stay as they are; what cannot be a factor stands
 * behind them as comments. A factor whose id is there already is left as it is. Pure; throws INPUT_INVALID.
 * @param text of the scenario; empty for a new one
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
  const already: string[] = [];
  for (const { factor, of } of factors) {
    if (ids.has(factor.id)) {
      already.push(factor.id);
      continue;
    }
    const node = document.createNode(factor, { aliasDuplicateObjects: false });
    node.commentBefore = comment([sides(of), of.why]);
    list.add(node);
  }
  const left = others.map(({ of, reason }) => `${of.where}: ${sides(of)}; ${reason}`);
  const notes = left.filter((line) => !(list.comment ?? "").includes(line));
  if (notes.length > 0)
    list.comment = [list.comment ?? comment(["Differences that are no factors here:"]), comment(notes)].join("\n");
  return { text: document.toString({ lineWidth: 0 }), added: factors.length - already.length, already };
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
