// Everything that can be said of the code without running it: types, format, lint, dead code, the house's rules. Without
// arguments of the whole project; with paths, format and lint of those only. Ends with a line for each; fails when one
// does.
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const paths = process.argv.slice(2);
const bin = (name) => join(root, "node_modules", ".bin", name);
const outputMax = 200_000;

const checks = [
  { name: "types", command: [bin("tsc"), "-p", root] },
  { name: "format", command: [bin("biome"), "format", "--colors=off", ...(paths.length > 0 ? paths : ["."])] },
  { name: "lint", command: [bin("oxlint"), "--quiet", ...paths] },
  ...(paths.length > 0
    ? []
    : [
        { name: "dead code", command: [bin("knip"), "--no-progress", "--no-config-hints"] },
        {
          name: "rules",
          command: [process.execPath, "--test", "--test-reporter=dot", join(root, "test", "tidy.test.ts")],
        },
      ]),
];

// One after the other: each uses all processors by itself.
const failed = [];
for (const { name, command } of checks) {
  const startedMs = performance.now();
  const { code, output } = await run(command);
  if (code !== 0) {
    failed.push(name);
    process.stdout.write(`${output.trimEnd()}\n`);
  }
  process.stdout.write(
    `${code === 0 ? "ok    " : "FAILED"} ${name} (${Math.round(performance.now() - startedMs)} ms)\n`,
  );
}
process.stdout.write(failed.length === 0 ? "All checks hold.\n" : `Failed: ${failed.join(", ")}.\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run([file, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        if (output.length < outputMax) output += text;
      });
    child.on("error", (error) => resolve({ code: 1, output: `${file} cannot be run: ${error.message}` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
