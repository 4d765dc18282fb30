import { DOMParser, type Document, type Element, XMLSerializer } from "@xmldom/xmldom";
import { BlackstartError, messageOf } from "../../base/error.ts";

/** A cluster information base as a tree. `source` is for the message: where the text came from. */
export function parseCib(text: string, source: string): Document {
  const problems: string[] = [];
  try {
    const document = new DOMParser({ onError: (_, message) => void problems.push(message) }).parseFromString(
      text,
      "text/xml",
    );
    if (problems.length === 0 && document.documentElement?.tagName === "cib") return document;
    problems.push(`Its root is <${document.documentElement?.tagName ?? ""}>, not <cib>.`);
  } catch (error) {
    problems.push(messageOf(error));
  }
  throw new BlackstartError("USAGE", {
    what: `${source} is no cluster information base.`,
    why: problems[0] ?? "It holds no XML.",
    next: "Write one with `cibadmin --query` on a node of the cluster; or give `crm configure show`'s output with --crm.",
  });
}

export function idOf(element: Element): string {
  return element.getAttribute("id") ?? "";
}

export function formatXml(node: Document | Element): string {
  return new XMLSerializer().serializeToString(node);
}

/** All elements of these names below `root`, in the order of the document. */
export function elementsOf(root: Document | Element, ...names: readonly string[]): readonly Element[] {
  return [...root.getElementsByTagName("*")].filter(({ tagName }) => names.includes(tagName));
}

export function childrenOf(element: Element): readonly Element[] {
  return [...element.childNodes].filter((node): node is Element => node.nodeType === node.ELEMENT_NODE);
}

export function parentOf(element: Element): Element | undefined {
  const parent = element.parentNode;
  return parent !== null && parent.nodeType === parent.ELEMENT_NODE ? (parent as Element) : undefined;
}

/** The section of the configuration, made where it is missing. */
export function sectionOf(cib: Document, name: string): Element {
  const found = elementsOf(cib, name)[0];
  if (found !== undefined) return found;
  const configuration = elementsOf(cib, "configuration")[0] ?? append(cib.documentElement as Element, "configuration");
  return append(configuration, name);
}

export function append(parent: Element, name: string, attributes: Readonly<Record<string, string>> = {}): Element {
  const element = (parent.ownerDocument as Document).createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.appendChild(element);
  return element;
}

export function remove(element: Element): void {
  element.parentNode?.removeChild(element);
}

/** The value that a name has in an element's own sets of this kind (`instance_attributes`, `meta_attributes`, …). */
export function valueOf(element: Element, kind: string, name: string): string | undefined {
  return pairOf(element, kind, name)?.getAttribute("value") ?? undefined;
}

/** Undefined takes the name out. Answers what it was. */
export function setValue(element: Element, kind: string, name: string, value: string | undefined): string | undefined {
  const pair = pairOf(element, kind, name);
  const before = pair?.getAttribute("value") ?? undefined;
  if (value === undefined) {
    if (pair !== undefined) remove(pair);
  } else if (pair !== undefined) {
    pair.setAttribute("value", value);
  } else {
    // An id begins with a letter; that of a node need not.
    const id = `lab-${element.getAttribute("id") ?? element.tagName}`;
    const set =
      childrenOf(element).find(({ tagName }) => tagName === kind) ?? append(element, kind, { id: `${id}-${kind}` });
    append(set, "nvpair", { id: `${set.getAttribute("id")}-${name}`, name, value });
  }
  return before;
}

function pairOf(element: Element, kind: string, name: string): Element | undefined {
  return childrenOf(element)
    .filter(({ tagName }) => tagName === kind)
    .flatMap((set) => childrenOf(set))
    .find((pair) => pair.tagName === "nvpair" && pair.getAttribute("name") === name);
}
