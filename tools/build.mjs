// Builds the package: src/ becomes dist/, JavaScript with its types. Below node_modules no type is stripped, so what is
// published must be plain JavaScript. `npm pack` afterwards makes the archive.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { programs } from "./tidy/programs.ts";

const root = join(import.meta.dirname, "..");

rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const result = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: ["ignore", 2, 2] });
if (result.status !== 0) {
  process.stderr.write("error: the sources do not build, see above.\n");
  process.exit(1);
}
const missing = programs
  .map((path) => path.replace(/^src\//, "dist/").replace(/\.ts$/, ".js"))
  .filter((path) => !existsSync(join(root, path)));
if (missing.length > 0) {
  process.stderr.write(`error: not built: ${missing.join(", ")}\n`);
  process.exit(1);
}
process.stderr.write("dist/ is built; `npm pack` makes the package.\n");
