// Makes the checkout ready (dependencies, Node 24), then runs the given file with Node 24. Plain JavaScript: it runs on
// whatever Node the machine has.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [file, ...args] = process.argv.slice(2);

installDependencies();
const child = spawn(findNode(), ["--disable-warning=ExperimentalWarning", join(root, file), ...args], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));

/** Installs what the lock file names, once: afterwards everything works offline. */
function installDependencies() {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const stamp = join(root, "node_modules", ".blackstart-installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  process.stderr.write("Installing the dependencies (once; about 500 MB on disk) …\n");
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--engine-strict=false"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (result.status !== 0) {
    process.stderr.write(
      "The dependencies could not be installed (npm ci failed, see above).\nNext: check the network and the npm settings, then run the same command again.\n",
    );
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

/** A Node 24 or newer: the one that runs this, or the one installed with the dependencies. */
function findNode() {
  const pinned = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  process.stderr.write(
    `Blackstart needs Node 24; this is ${process.version}, and none is packaged for ${process.platform}-${process.arch}.\nNext: install Node 24 or newer, then run the same command again.\n`,
  );
  process.exit(1);
}
