import type { Cib } from "./cib.ts";
import { type Edit, edited } from "./edit.ts";
import { scoreText } from "./score.ts";
import { childOf, childrenOf, elementText } from "./xml.ts";

/**
 * The same changes as command lines for a cluster that lives; each takes effect at once and as a whole, with no moment at
 * which a constraint is missing.
 */
export function wordsOf(cib: Cib, edits: readonly Edit[]): readonly string[] {
  const after = edited(cib, edits);
  return edits.map((edit) => {
    switch (edit.kind) {
      case "set-stickiness":
        return `crm_resource --meta --resource ${quoted(edit.resource)} --set-parameter resource-stickiness --parameter-value ${scoreText(edit.stickiness)}`;
      case "remove":
        return `cibadmin --delete --scope constraints --xml-text ${quoted(constraintText(cib, edit.constraint))}`;
      case "set-score":
      case "swap":
      case "make-optional":
        return `cibadmin --replace --scope constraints --xml-text ${quoted(constraintText(after, edit.constraint))}`;
    }
  });
}

function constraintText({ document }: Cib, id: string): string {
  const configuration = childOf(document.documentElement ?? undefined, "configuration");
  const found = childrenOf(childOf(configuration, "constraints")).find((each) => each.getAttribute("id") === id);
  if (found === undefined) throw new Error(`there is no constraint ${id}`);
  return elementText(found);
}

/** For sh. */
function quoted(text: string): string {
  return /^[\w.@%+=:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
