import { isMap, isSeq, parseDocument, stringify } from "yaml";
import type { Configuration } from "./configuration.ts";

type Item = Readonly<{ id?: unknown; needs?: unknown }>;

/**
 * The scenario's text with only these factors left, and without what is done only where the others are. Its comments and its
 * order stay, unless it uses anchors: what they stand for may be gone.
 */
export function reducedText(text: string, configuration: Configuration): string {
  const present = new Set(configuration);
  const isNeeded = ({ needs }: Item) => !Array.isArray(needs) || needs.every((id) => present.has(String(id)));
  const kept: readonly (readonly [part: string, wanted: (item: Item) => boolean])[] = [
    ["factors", ({ id }) => present.has(String(id))],
    ["before", isNeeded],
    ["afterwards", isNeeded],
  ];
  const document = parseDocument(text);
  if (/(^|\s)[&*][\w-]/.test(text)) {
    // As data every alias is what it stood for.
    const data = document.toJS() as Record<string, unknown>;
    for (const [part, wanted] of kept) if (Array.isArray(data[part])) data[part] = data[part].filter(wanted);
    return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
  }
  for (const [part, wanted] of kept) {
    const list = document.get(part);
    if (isSeq(list)) list.items = list.items.filter((item) => isMap(item) && wanted(item.toJSON() as Item));
  }
  return document.toString({ lineWidth: 0 });
}
