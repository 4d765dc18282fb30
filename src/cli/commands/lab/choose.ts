import { BlackstartError } from "../../../base/error.ts";
import type { Lab } from "../../../lab/lab.ts";
import { labOf, openLab, recordsIn } from "../../../lab/open.ts";
import type { CommandContext } from "../../context.ts";
import { labsFolder } from "../../system-file.ts";

/** The lab that is meant: the one that is named, or the only one there is. */
export async function chooseLab(context: CommandContext, name: string | undefined): Promise<Lab> {
  const home = labsFolder(context.home);
  if (name !== undefined) return openLab(name, home);
  const labs = recordsIn(home);
  const names = labs.map((lab) => lab.name);
  const [only] = labs;
  if (labs.length === 1 && only !== undefined) return labOf(only);
  throw names.length === 0
    ? new BlackstartError("NOT_POSSIBLE_NOW", {
        what: "There is no lab.",
        why: "None was made, or all were taken down.",
        next: "Make one: blackstart lab up",
      })
    : new BlackstartError("USAGE", {
        what: `There are ${names.length} labs, and none was named.`,
        why: `They are: ${names.join(", ")}.`,
        next: `Name the one you mean: --lab ${names[0]}`,
      });
}
