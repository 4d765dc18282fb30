import { bannedCalls } from "./banned-calls.ts";
import { deadFiles } from "./dead-files.ts";
import { fileSize } from "./file-size.ts";
import { importLaw } from "./import-law.ts";
import { emptyCatches, leftMarks, machinePaths } from "./left-overs.ts";
import type { Rule } from "./source.ts";

/** The house's rules, by name. `test/tidy.test.ts` holds the project to them. */
export const rules: Readonly<Record<string, Rule>> = {
  "import law": importLaw,
  "file size": fileSize,
  "dead files": deadFiles,
  "banned calls": bannedCalls,
  "left marks": leftMarks,
  "machine paths": machinePaths,
  "empty catches": emptyCatches,
};
