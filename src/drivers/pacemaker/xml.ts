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

export function escaped(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function isElement(node: { nodeType: number }): node is Element {
  return node.nodeType === 1;
}
