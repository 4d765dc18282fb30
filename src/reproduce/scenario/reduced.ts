import { isMap, isSeq, parseDocument, stringify } from "yaml";
import type { Configuration } from "./configuration.ts";

/**
 * The scenario's text with only these factors left, and without what is done only where the others are. Its comments and its
 * order stay, unless it uses anchors: what they stand for may be gone.
 */
export function reducedText(text: string, configuration: Configuration): string {
  const document = parseDocument(text);
  const present = new Set(configuration);
  keep(document.get("factors"), (item) => present.has(String(item.id)));
  for (const part of ["before", "afterwards"])
    keep(document.get(part), ({ needs }) => !Array.isArray(needs) || needs.every((id) => present.has(String(id))));
  if (!/(^|\s)[&*][\w-]/.test(text)) return document.toString({ lineWidth: 0 });
  // As data every alias is what it stood for.
  const data = parseDocument(text).toJS() as Record<string, unknown>;
  const filtered = (list: unknown, wanted: (item: Item) => boolean) =>
    Array.isArray(list) ? list.filter((item: Item) => wanted(item)) : list;
  const isWanted = ({ needs }: Item) => !Array.isArray(needs) || needs.every((id) => present.has(String(id)));
  return stringify(
    {
      ...data,
      factors: filtered(data.factors, (item) => present.has(String(item.id))),
      ...(data.before === undefined ? {} : { before: filtered(data.before, isWanted) }),
      ...(data.afterwards === undefined ? {} : { afterwards: filtered(data.afterwards, isWanted) }),
    },
    { lineWidth: 0 },
  );
}

type Item = Readonly<{ id?: unknown; needs?: unknown }>;

function keep(list: unknown, wanted: (item: Item) => boolean): void {
  if (isSeq(list)) list.items = list.items.filter((item) => isMap(item) && wanted(item.toJSON() as Item));
}
