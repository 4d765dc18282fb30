import { constants } from "node:fs";
import { access, open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { reducedText } from "../../../reproduce/scenario/reduced.ts";

const ours = "# The least of ";

/**
 * Where the minimal scenario of a file goes. Asked before the search, for nobody wants to be told after it: USAGE where that
 * cannot be written, or holds what was not written by us.
 */
export async function minimalFileFor(scenario: string, out: string | undefined): Promise<string> {
  const path = resolve(out ?? scenario.replace(/(\.ya?ml)?$/, ".minimal.yaml"));
  const found = await stat(path).catch(() => undefined); // What keeps it from being written is told below.
  if (found?.isDirectory()) throw unfit(path, "It is a folder.");
  if (found !== undefined && !(await beginsWith(path, ours)))
    throw unfit(path, "It is there already, and none of ours.");
  await access(dirname(path), constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw unfit(path, messageOf(error));
  });
  return path;
}

/** A scenario of its own that runs with one command, and can be kept as a regression test. It appears whole. */
export async function writeMinimal(path: string, scenario: string, minimal: readonly string[]): Promise<void> {
  const text = reducedText(await readFile(scenario, "utf8"), minimal);
  const name = relative(process.cwd(), path);
  await writeFile(
    `${path}.part`,
    `${ours}${basename(scenario)} that shows the symptom. Run it:\n#   blackstart reproduce run ${name}\n${text}`,
  );
  await rename(`${path}.part`, path);
}

async function beginsWith(path: string, text: string): Promise<boolean> {
  const file = await open(path).catch((error: unknown) => {
    throw unfit(path, messageOf(error));
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(text.length), 0, text.length, 0);
    return buffer.toString("latin1", 0, bytesRead) === text;
  } finally {
    await file.close();
  }
}

function unfit(path: string, why: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `The minimal scenario cannot be written to ${path}.`,
    why,
    next: "Name another file: --out minimal.yaml",
    details: { path },
  });
}
