import type { Element as DomElement } from "@xmldom/xmldom";
import { childrenOf as elementsBelow, escaped, parseXml } from "./xml.ts";

/** An element of Pacemaker's XML as plain data: it holds attributes and elements, never text that matters. */
export type Element = Readonly<{
  name: string;
  attributes: Readonly<Record<string, string>>;
  children: readonly Element[];
}>;

/** The document's element. Throws an Error that says what is wrong where it is no XML. Comments are dropped. */
export function parseTree(text: string): Element {
  // Entities of a document's own could make a short text a very long one; Pacemaker writes none.
  if (/<!DOCTYPE/i.test(text)) throw new Error("a document type is not expected here");
  const element = parseXml(text).documentElement;
  if (element === null) throw new Error("there is no element");
  return treeOf(element);
}

function treeOf(element: DomElement): Element {
  return {
    name: element.tagName,
    attributes: Object.fromEntries(Array.from(element.attributes, ({ name, value }) => [name, value])),
    children: elementsBelow(element).map(treeOf),
  };
}

/** As text again, two blanks a level, an element a line. */
export function formatTree(element: Element, indent = ""): string {
  const attributes = Object.entries(element.attributes).map(([name, value]) => ` ${name}="${inAttribute(value)}"`);
  const start = `${indent}<${element.name}${attributes.join("")}`;
  if (element.children.length === 0) return `${start}/>\n`;
  const inner = element.children.map((child) => formatTree(child, `${indent}  `)).join("");
  return `${start}>\n${inner}${indent}</${element.name}>\n`;
}

export function childrenOf(element: Element | undefined, ...names: readonly string[]): readonly Element[] {
  return (element?.children ?? []).filter(({ name }) => names.includes(name));
}

export function childOf(element: Element | undefined, name: string): Element | undefined {
  return childrenOf(element, name)[0];
}

/** A line break in an attribute is a blank to the next reader, unless it is written as a number. */
function inAttribute(value: string): string {
  return escaped(value).replace(/[\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}
