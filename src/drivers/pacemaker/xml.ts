import { DOMParser, type Document, type Element, XMLSerializer } from "@xmldom/xmldom";

/** Throws what is wrong with the text, in the parser's words, with line and column. */
export function parseXml(text: string): Document {
  const onError = (level: string, message: string) => {
    if (level !== "warning") throw new Error(message);
  };
  return new DOMParser({ onError }).parseFromString(text, "text/xml");
}

export function xmlText(node: Document | Element): string {
  return new XMLSerializer().serializeToString(node);
}

/** One element with all that is in it, on one line. */
export function elementText(element: Element): string {
  return xmlText(element).replaceAll(/>\s+</g, "><");
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
export function descendantsOf(root: Document | Element | undefined, ...names: readonly string[]): readonly Element[] {
  return root === undefined ? [] : [...root.getElementsByTagName("*")].filter(({ tagName }) => names.includes(tagName));
}

export function parentOf(element: Element): Element | undefined {
  const parent = element.parentNode;
  return parent !== null && parent.nodeType === parent.ELEMENT_NODE ? (parent as Element) : undefined;
}

export function idOf(element: Element): string {
  return element.getAttribute("id") ?? "";
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
    const id = `set-${element.getAttribute("id") ?? element.tagName}`;
    const set = childOf(element, kind) ?? append(element, kind, { id: `${id}-${kind}` });
    append(set, "nvpair", { id: `${set.getAttribute("id")}-${name}`, name, value });
  }
  return before;
}

function pairOf(element: Element, kind: string, name: string): Element | undefined {
  return childrenOf(element, kind)
    .flatMap((set) => childrenOf(set, "nvpair"))
    .find((pair) => pair.getAttribute("name") === name);
}

export function escaped(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function isElement(node: { nodeType: number }): node is Element {
  return node.nodeType === 1;
}
