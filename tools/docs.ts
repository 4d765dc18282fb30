// Writes the generated pages: docs/system-file.md, docs/scenario-file.md, docs/errors.md, docs/checks.md, docs/faults.md, docs/findings.md and schema/*.json.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedFiles } from "./docs/generated.ts";

const root = dirname(import.meta.dirname);

for (const [path, text] of Object.entries(generatedFiles(root))) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stderr.write(`${path} written\n`);
}
