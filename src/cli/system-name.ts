import { readFile } from "node:fs/promises";
import { BlackstartError } from "../base/error.ts";
import { systemsWithTimeline } from "../system/home.ts";
import type { System } from "../system/schema.ts";

export type SystemNameChoice = Readonly<{
  system(): Promise<System>;
  systemFile(): Promise<string>;
  home: string;
  say(line: string): void;
}>;

/**
 * Whose timeline is meant. Known also where the file is wrong in something else: a note at 3 am must not fail because of
 * a typo. Without any file it is the only system that has a timeline here.
 */
export async function chooseSystemName({ system, systemFile, home, say }: SystemNameChoice): Promise<string> {
  try {
    return (await system()).system;
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    const name = error.code === "SYSTEM_FILE_MISSING" ? onlySystem(error, home) : await nameIn(await systemFile());
    if (name === undefined) throw error;
    say(
      error.code === "SYSTEM_FILE_MISSING"
        ? `There is no blackstart.yaml here; this is about ${name}, the only system with a timeline.`
        : `blackstart.yaml cannot be used as it is (\`blackstart check\` says why); this is about the timeline of ${name}.`,
    );
    return name;
  }
}

function onlySystem(error: BlackstartError, home: string): string | undefined {
  const names = systemsWithTimeline(home);
  if (names.length < 2) return names[0];
  throw new BlackstartError("SYSTEM_FILE_MISSING", {
    what: error.message,
    why: `Several systems have a timeline here: ${names.join(", ")}.`,
    next: "Go to the folder with its blackstart.yaml, or name it with --file.",
  });
}

/** As it stands at the beginning of a line, whatever is wrong with the others. */
async function nameIn(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "" /* the error that led here is the one to tell */);
  return /^system:\s*(["']?)([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\1\s*(#.*)?$/m.exec(text)?.[2];
}
