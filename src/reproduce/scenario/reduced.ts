import { isMap, isSeq, parseDocument } from "yaml";
import type { Configuration } from "./configuration.ts";

/** The scenario's text with only these factors left; its comments and its order stay. */
export function reducedText(text: string, configuration: Configuration): string {
  const document = parseDocument(text);
  const factors = document.get("factors");
  if (isSeq(factors))
    factors.items = factors.items.filter((item) => isMap(item) && configuration.includes(String(item.get("id"))));
  return document.toString({ lineWidth: 0 });
}
