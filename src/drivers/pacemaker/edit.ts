import type { Element } from "@xmldom/xmldom";
import { type Cib, readCib } from "./cib.ts";
import { scoreText } from "./score.ts";
import { childOf, childrenOf, descendantsOf, parseXml, remove, setValue, xmlText } from "./xml.ts";

/** One change of the configuration, by the id of what is changed. */
export type Edit =
  | Readonly<{ kind: "remove"; constraint: string }>
  | Readonly<{ kind: "set-score"; constraint: string; score: number }>
  /** Exchanges the two sides of a colocation, with their roles: the other one gives way. */
  | Readonly<{ kind: "swap"; constraint: string }>
  | Readonly<{ kind: "make-optional"; constraint: string }>
  | Readonly<{ kind: "set-stickiness"; resource: string; stickiness: number }>;

/** The same CIB with these changes of its configuration; the first one stays as it is. */
export function edited(cib: Cib, edits: readonly Edit[]): Cib {
  const document = parseXml(xmlText(cib.document));
  const configuration = childOf(document.documentElement ?? undefined, "configuration");
  for (const edit of edits) apply(configuration, edit);
  return { ...readCib(xmlText(document)), digests: cib.digests };
}

function apply(configuration: Element | undefined, edit: Edit): void {
  if (edit.kind === "set-stickiness") {
    setMeta(configuration, edit.resource, "resource-stickiness", scoreText(edit.stickiness));
    return;
  }
  const element = childrenOf(childOf(configuration, "constraints")).find(
    (each) => each.getAttribute("id") === edit.constraint,
  );
  if (element === undefined) throw new Error(`there is no constraint ${edit.constraint}`);
  switch (edit.kind) {
    case "remove":
      remove(element);
      return;
    case "set-score":
      for (const set of childrenOf(element, "resource_set")) set.removeAttribute("score");
      (childOf(element, "rule") ?? element).setAttribute("score", scoreText(edit.score));
      return;
    case "swap":
      exchange(element, "rsc", "with-rsc");
      exchange(element, "rsc-role", "with-rsc-role");
      return;
    case "make-optional":
      element.removeAttribute("score");
      element.setAttribute("kind", "Optional");
      return;
  }
}

function exchange(element: Element, left: string, right: string): void {
  const before = [element.getAttribute(left), element.getAttribute(right)];
  for (const [name, value] of [
    [left, before[1]],
    [right, before[0]],
  ] as const) {
    if (value == null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
}

function setMeta(configuration: Element | undefined, resource: string, name: string, value: string): void {
  const resources = childOf(configuration, "resources");
  const owner = descendantsOf(resources, "primitive", "group", "clone", "master").find(
    (each) => each.getAttribute("id") === resource,
  );
  if (owner === undefined) throw new Error(`there is no resource ${resource}`);
  setValue(owner, "meta_attributes", name, value);
}
