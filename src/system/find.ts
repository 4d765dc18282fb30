import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { BlackstartError } from "../base/error.ts";

const fileName = "blackstart.yaml";

/**
 * The system file: the given file, the one in the given folder, or, where nothing is given, the nearest
 * blackstart.yaml in this folder or one above it. Throws SYSTEM_FILE_MISSING.
 */
export async function findSystemFile(given: string | undefined, folder: string = process.cwd()): Promise<string> {
  if (given !== undefined) {
    const path = resolve(folder, given);
    const kind = await kindOf(path);
    if (kind === "file") return path;
    if (kind === "folder" && (await kindOf(join(path, fileName))) === "file") return join(path, fileName);
    throw missing(kind === "folder" ? `There is no ${fileName} in ${path}.` : `There is no file ${path}.`);
  }
  for (let here = resolve(folder); ; here = dirname(here)) {
    if ((await kindOf(join(here, fileName))) === "file") return join(here, fileName);
    if (here === dirname(here)) throw missing(`There is no ${fileName} in ${resolve(folder)} or a folder above it.`);
  }
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    // A pipe or a device serves as a file as well: `--system <(…)`.
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return undefined; // Not there, or not for us to see: the same for somebody who looks for it.
  }
}

function missing(what: string): BlackstartError {
  return new BlackstartError("SYSTEM_FILE_MISSING", {
    what,
    why: "Blackstart reads from it what your system should be: its clusters, caches, services and invariants.",
    next: "Have one written by asking a running cluster: blackstart init postgres://user@address:5432/postgres",
  });
}
