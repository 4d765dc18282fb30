import { DOMParser, type Document, type Element, XMLSerializer } from "@xmldom/xmldom";

/** Throws what is wrong with the text, in the parser's words, with line and column. */
export function parseXml(text: string): Document {
  return new DOMParser({ onError: () => undefined }).parseFromString(text, "text/xml");
}

export function xmlText(document: Document): string {
  return new XMLSerializer().serializeToString(document);
}

/** One element with all that is in it, on one line. */
export function elementText(element: Element): string {
  return new XMLSerializer().serializeToString(element).replaceAll(/>\s+</g, "><");
}

/** The elements directly below, those of one name if it is given. */
export function childrenOf(element: Element | undefined, ...names: readonly string[]): readonly Element[] {
  const all = element === undefined ? [] : Array.from(element.childNodes).filter(isElement);
  return names.length === 0 ? all : all.filter(({ tagName }) => names.includes(tagName));
}

export function childOf(element: Element | undefined, name: string): Element | undefined {
  return childrenOf(element, name)[0];
}

/** All elements below, however deep, in the order of the document. */
export function descendantsOf(element: Element | undefined, ...names: readonly string[]): readonly Element[] {
  return childrenOf(element).flatMap((child) => [
    ...(names.includes(child.tagName) ? [child] : []),
    ...descendantsOf(child, ...names),
  ]);
}

/** Gives an element an attribute in its set of this kind (`meta_attributes`), or another value to the one that it has. */
export function setPair(document: Document, owner: Element, kind: string, name: string, value: string): void {
  const set = childOf(owner, kind) ?? addedSet(document, owner, kind);
  const pair = childrenOf(set, "nvpair").find((each) => each.getAttribute("name") === name);
  if (pair !== undefined) {
    pair.setAttribute("value", value);
    return;
  }
  const added = document.createElement("nvpair");
  added.setAttribute("id", `${set.getAttribute("id")}-${name}`);
  added.setAttribute("name", name);
  added.setAttribute("value", value);
  set.appendChild(added);
}

function addedSet(document: Document, owner: Element, kind: string): Element {
  const set = document.createElement(kind);
  // An id begins with a letter; those of nodes are numbers.
  set.setAttribute("id", `${owner.tagName}-${owner.getAttribute("id")}-${kind}`);
  owner.insertBefore(set, owner.firstChild);
  return set;
}

export function escaped(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function isElement(node: { nodeType: number }): node is Element {
  return node.nodeType === 1;
}
