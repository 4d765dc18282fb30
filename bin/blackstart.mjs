#!/usr/bin/env node
// The program's entry. Plain JavaScript that any Node can read: under a Node older than 24 it runs itself again with
// the one that was installed with the dependencies, and says nothing about it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants, homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isNewEnough = Number(process.versions.node.split(".")[0]) >= 24;

if (isNewEnough) await run();
else runWithPinnedNode();

/** A checkout runs its sources; a published package, below node_modules where no type is stripped, what was built. */
async function run() {
  silenceExperimentalWarnings();
  keepCompiled();
  const source = join(root, "src", "cli", "main.ts");
  const main = existsSync(source) ? source : join(root, "dist", "cli", "main.js");
  await import(pathToFileURL(main).href);
}

/**
 * The second start finds the sources compiled: it takes half the time and a quarter less memory. In a folder of the
 * user's own: what lies there is run. Where it cannot be written, every start is like the first.
 */
function keepCompiled() {
  if (process.env.NODE_COMPILE_CACHE !== undefined || process.env.NODE_DISABLE_COMPILE_CACHE !== undefined) return;
  const { XDG_CACHE_HOME: caches } = process.env;
  const folder = caches !== undefined && isAbsolute(caches) ? caches : join(homedir(), ".cache");
  const { directory } = module.enableCompileCache(join(folder, "blackstart", "compiled"));
  // For the threads and programs that we start.
  if (directory !== undefined) process.env.NODE_COMPILE_CACHE = join(folder, "blackstart", "compiled");
}

function runWithPinnedNode() {
  const name = `node-${process.platform}-${process.arch}`;
  // Beside us in a checkout; beside our package where we are a dependency.
  const places = [join(root, "node_modules"), dirname(root)].map((folder) => join(folder, name, "bin", "node"));
  const node = places.find((place) => existsSync(place));
  if (node === undefined) {
    const isCheckout = existsSync(join(root, "tools", "ready.mjs"));
    process.stderr.write(
      `error: Blackstart needs Node 24 or newer; this is ${process.version}.\n` +
        `  next: ${isCheckout ? "run `node tools/ready.mjs` once: it installs one beside the dependencies" : "install Node 24 or newer"}, then run the same command again.\n`,
    );
    process.exit(2);
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`error: ${node} cannot be run: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** `node:sqlite` announces that it is experimental in every run; the version is pinned, so nobody needs to know. */
function silenceExperimentalWarnings() {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
}
