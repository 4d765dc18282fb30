// Makes the checkout ready (dependencies, Node 24), then runs the given file with Node 24. Plain JavaScript: it runs on
// whatever Node the machine has. What it does it says on stderr; exit code and signals are those of the file it runs.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fail, installDependencies, root, say } from "./setup/dependencies.mjs";

const [file, ...args] = process.argv.slice(2);

installDependencies();
if (file === undefined) say("Ready: the dependencies and Node 24 are there.");
else run(findNode());

function run(node) {
  const folder = join(root, "node_modules", ".bin");
  const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(root, file), ...args], {
    stdio: "inherit",
    env: { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${node} cannot be run: ${error.message}`, "remove node_modules and try again."));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** The Node that was installed with the dependencies; where none is packaged, the one that runs this, if it is new enough. */
function findNode() {
  const pinned = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  return fail(
    `Blackstart needs Node 24; this is ${process.version}, and none is packaged for ${process.platform}-${process.arch}.`,
    "install Node 24 or newer, then run the same command again.",
  );
}
