import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** By rename: whoever reads it meanwhile sees the old one or the new one, never half of it. */
export function writeJson(file: string, value: object): void {
  writeFileSync(`${file}.part`, JSON.stringify(value));
  renameSync(`${file}.part`, file);
}

/** Undefined where none was written yet. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}
