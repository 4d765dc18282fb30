import type { Document, Element } from "@xmldom/xmldom";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { append, descendantsOf, parseXml } from "../../drivers/pacemaker/xml.ts";

/** A cluster information base as a tree. `source` is for the message: where the text came from. */
export function parseCib(text: string, source: string): Document {
  let problem: string;
  try {
    const document = parseXml(text);
    if (document.documentElement?.tagName === "cib") return document;
    problem = `Its root is <${document.documentElement?.tagName ?? ""}>, not <cib>.`;
  } catch (error) {
    problem = messageOf(error);
  }
  throw new BlackstartError("USAGE", {
    what: `${source} is no cluster information base.`,
    why: problem,
    next: "Write one with `cibadmin --query` on a node of the cluster; or give `crm configure show`'s output with --crm.",
  });
}

/** The section of the configuration, made where it is missing. */
export function sectionOf(cib: Document, name: string): Element {
  const found = descendantsOf(cib, name)[0];
  if (found !== undefined) return found;
  const configuration =
    descendantsOf(cib, "configuration")[0] ?? append(cib.documentElement as Element, "configuration");
  return append(configuration, name);
}
