import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BlackstartError, messageOf } from "../base/error.ts";
import { runProgram } from "../drivers/host/run-program.ts";
import type { Environment } from "../system/home.ts";
import { isNpmShipped, npmShippedDirectory, usableNpmShipped } from "./npm-binaries.ts";

/** A PostgreSQL that can be run: its directory of programs, and which version it is. */
export type Binaries = Readonly<{
  directory: string;
  /** `15.18` */
  version: string;
  major: number;
  /** How it was found. */
  origin: "given" | "BLACKSTART_PG_BINDIR" | "pg_config" | "distribution" | "PATH" | "npm";
}>;

/** pg_control_checkpoint's columns, pg_rewind's and the WAL receiver's are the same from here on. */
export const oldestMajor = 13;

/**
 * Finds the server binaries: $BLACKSTART_PG_BINDIR, `pg_config --bindir`, the distribution's places (newest first),
 * $PATH, and else what npm shipped. A directory that was asked for by name and holds no server is an error, not passed
 * over.
 */
export async function findBinaries(options: { environment?: Environment; directory?: string } = {}): Promise<Binaries> {
  const environment = options.environment ?? process.env;
  if (options.directory !== undefined) return named(options.directory, "given", environment);
  if (environment.BLACKSTART_PG_BINDIR)
    return named(environment.BLACKSTART_PG_BINDIR, "BLACKSTART_PG_BINDIR", environment);
  const passedOver: string[] = [];
  for (const { directory, origin } of await places(environment)) {
    if (!holdsServer(directory)) continue;
    const version = await versionOf(directory);
    if (typeof version === "string") passedOver.push(version);
    else return { directory, origin, ...version };
  }
  throw new BlackstartError("POSTGRES_NOT_FOUND", {
    what: "No PostgreSQL server was found on this machine.",
    why: ["Neither installed, nor shipped by npm for this platform.", ...passedOver].join(" "),
    next: "Install PostgreSQL 13 or newer, or set BLACKSTART_PG_BINDIR to the directory that holds `postgres` and `initdb`.",
  });
}

async function named(given: string, origin: Binaries["origin"], environment: Environment): Promise<Binaries> {
  const directory = isNpmShipped(given) ? await usableNpmShipped(given, environment) : given;
  const version = holdsServer(directory) ? await versionOf(directory) : "It holds no `postgres` and `initdb`.";
  if (typeof version !== "string") return { directory, origin, ...version };
  throw new BlackstartError("POSTGRES_NOT_FOUND", {
    what: `${given} cannot be used as PostgreSQL's directory of programs.`,
    why: version,
    next: "Name the directory that holds `postgres` and `initdb`, e.g. /usr/lib/postgresql/18/bin.",
  });
}

type Place = Readonly<{ directory: string; origin: Binaries["origin"] }>;

async function places(environment: Environment): Promise<readonly Place[]> {
  const found: Place[] = [];
  const configured = await ask("pg_config", "--bindir", environment).catch(() => undefined /* others follow */);
  if (configured) found.push({ directory: configured, origin: "pg_config" });
  for (const directory of distributionDirectories()) found.push({ directory, origin: "distribution" });
  for (const directory of (environment.PATH ?? "").split(delimiter).filter(Boolean)) {
    found.push({ directory, origin: "PATH" });
  }
  const shipped = npmShippedDirectory();
  if (shipped !== undefined && !found.some(({ directory }) => holdsServer(directory))) {
    found.push({ directory: await usableNpmShipped(shipped, environment), origin: "npm" });
  }
  return found;
}

/** Debian and Ubuntu: /usr/lib/postgresql/15/bin. The PostgreSQL project's RPMs: /usr/pgsql-15/bin. */
function distributionDirectories(): readonly string[] {
  const debian = list("/usr/lib/postgresql").map((name) => ({ name, path: join("/usr/lib/postgresql", name, "bin") }));
  const rpm = list("/usr")
    .filter((name) => name.startsWith("pgsql-"))
    .map((name) => ({ name: name.slice("pgsql-".length), path: join("/usr", name, "bin") }));
  return [...debian, ...rpm].sort((a, b) => Number(b.name) - Number(a.name)).map(({ path }) => path);
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Another distribution keeps it elsewhere.
  }
}

function holdsServer(directory: string): boolean {
  try {
    for (const program of ["postgres", "initdb"]) accessSync(join(directory, program), constants.X_OK);
    return true;
  } catch {
    return false; // The question was whether they are there.
  }
}

/** What it is, or in words why it cannot be used. */
async function versionOf(directory: string): Promise<{ version: string; major: number } | string> {
  try {
    const stdout = await ask(join(directory, "postgres"), "--version");
    const version = /PostgreSQL\) (\d+(?:\.\d+|devel|beta\d+|rc\d+)?)/.exec(stdout)?.[1];
    if (version === undefined) return `${directory} answers “${stdout}” when asked for its version.`;
    const major = Number.parseInt(version, 10);
    return major >= oldestMajor
      ? { version, major }
      : `${directory} is PostgreSQL ${version}; 13 is the oldest supported.`;
  } catch (error) {
    return `${join(directory, "postgres")} cannot be run: ${messageOf(error).split("\n").join(" ")}`;
  }
}

/** What it prints; throws where it cannot be run, or ends with an error. */
async function ask(program: string, option: string, environment: Environment = process.env): Promise<string> {
  const asked = { program, args: [option], input: "", timeoutMs: 10_000, environment: { ...environment } };
  const { code, stdout, stderr } = await runProgram({ ...asked, where: "this machine" });
  if (code !== 0) throw new Error(stderr.trim() || `it ends with ${code}`);
  return stdout.trim();
}
