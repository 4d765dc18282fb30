import { SaxesParser } from "saxes";

/** An element of Pacemaker's XML: it holds attributes and elements, never text that matters. */
export type Element = Readonly<{
  name: string;
  attributes: Readonly<Record<string, string>>;
  children: readonly Element[];
}>;

/** The document's element. Throws an Error that names the line where it is no XML. Comments are dropped. */
export function parseXml(text: string): Element {
  const parser = new SaxesParser<{ xmlns: false; position: true }>({ xmlns: false, position: true });
  const top: Element[] = [];
  const open: { name: string; attributes: Record<string, string>; children: Element[] }[] = [];
  parser.on("error", (error) => {
    throw error;
  });
  // Entities of a document's own could make a short text a very long one; Pacemaker writes none.
  parser.on("doctype", () => {
    throw new Error("a document type is not expected here");
  });
  parser.on("opentag", ({ name, attributes }) => open.push({ name, attributes: { ...attributes }, children: [] }));
  parser.on("closetag", () => {
    const closed = open.pop();
    if (closed !== undefined) (open.at(-1)?.children ?? top).push(closed);
  });
  parser.write(text).close();
  const [element] = top;
  if (element === undefined) throw new Error("there is no element");
  return element;
}

/** As text again, two blanks a level, an element a line. */
export function formatXml(element: Element, indent = ""): string {
  const attributes = Object.entries(element.attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  const start = `${indent}<${element.name}${attributes.join("")}`;
  if (element.children.length === 0) return `${start}/>\n`;
  const inner = element.children.map((child) => formatXml(child, `${indent}  `)).join("");
  return `${start}>\n${inner}${indent}</${element.name}>\n`;
}

export function childrenOf(element: Element | undefined, ...names: readonly string[]): readonly Element[] {
  return (element?.children ?? []).filter(({ name }) => names.includes(name));
}

export function childOf(element: Element | undefined, name: string): Element | undefined {
  return childrenOf(element, name)[0];
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(value: string): string {
  return value
    .replace(/[&<>"]/g, (character) => entities[character] ?? character)
    .replace(/[\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}
