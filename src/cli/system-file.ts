import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
import { findSystemFile } from "../system/find.ts";

export type SystemFileChoice = Readonly<{
  file: string | undefined;
  lab: string | undefined;
  home: string;
  say(line: string): void;
}>;

/**
 * The file that says what should be: the one that was named, the named lab's, the nearest blackstart.yaml; and where
 * there is none, that of the lab, if exactly one stands.
 */
export async function chooseSystemFile({ file, lab, home, say }: SystemFileChoice): Promise<string> {
  if (lab !== undefined) {
    const { openLab } = await import("../lab/open.ts");
    return (await openLab(lab, labsFolder(home))).systemFile;
  }
  try {
    return await findSystemFile(file);
  } catch (error) {
    if (file !== undefined || !(error instanceof BlackstartError) || error.code !== "SYSTEM_FILE_MISSING") throw error;
    const { labOf, recordsIn } = await import("../lab/open.ts");
    const labs = recordsIn(labsFolder(home)).filter(({ state }) => state === "ready");
    if (labs.length === 0) throw error;
    const [only] = labs;
    if (labs.length > 1 || only === undefined)
      throw severalLabs(
        error,
        labs.map(({ name }) => name),
      );
    say(`There is no blackstart.yaml here; this is about the lab ${only.name}.`);
    return labOf(only).systemFile;
  }
}

export function labsFolder(home: string): string {
  return join(home, "labs");
}

/** What was tried of each scenario, a folder each. */
export function reproductionsFolder(home: string): string {
  return join(home, "reproductions");
}

function severalLabs(error: BlackstartError, names: readonly string[]): BlackstartError {
  return new BlackstartError("SYSTEM_FILE_MISSING", {
    what: error.message,
    why: `There are ${names.length} labs, and nothing says which is meant: ${names.join(", ")}.`,
    next: `Name one: --lab ${names[0]}`,
  });
}
