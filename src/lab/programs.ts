import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Environment } from "../system/home.ts";

/** Where distributions put servers, which is not on every account's PATH. */
const usual = ["/usr/sbin", "/usr/local/bin", "/usr/bin"];

/** The path of the first of these programs that is installed. */
export function findProgram(names: readonly string[], environment: Environment = process.env): string | undefined {
  const folders = [...(environment.PATH ?? "").split(delimiter).filter((folder) => folder !== ""), ...usual];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // The question was whether it is there.
  }
}
