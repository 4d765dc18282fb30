import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chownSync, existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
import type { Environment } from "../system/home.ts";
import { type Account, serverAccount, spawnAs } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { cacheDirectory } from "./cache.ts";
import { withLock } from "./lock.ts";
import { accessRules } from "./settings.ts";

/** What every data directory is a copy of. `format` grows whenever the making below changes. */
const format = 1;
const initdbOptions = ["--wal-segsize=1", "-k", "--locale=C", "--encoding=UTF8", "-U", "blackstart", "-A", "trust"];
const statements = [
  "create role replicator replication login",
  // A third of the files, and nobody needs it here.
  "update pg_database set datistemplate = false where datname = 'template0'",
  "drop database template0",
];
/**
 * A standby refuses to start with less of these than its WAL says the primary had (`XLOG_PARAMETER_CHANGE`), so the
 * template says as little as can be: a lab may then choose.
 */
const leastSettings = [
  "max_connections=10",
  "max_wal_senders=1",
  "max_worker_processes=1",
  "max_locks_per_transaction=10",
];
const timeoutMs = 60_000;

/**
 * The data directory that all nodes are cloned from, made once for each PostgreSQL: cold, with checksums, 1 MiB WAL
 * segments, the superuser `blackstart` and the role `replicator`.
 */
export async function templateFor(
  binaries: Pick<Binaries, "directory" | "version">,
  environment: Environment = process.env,
): Promise<string> {
  const folder = join(cacheDirectory(environment), "templates");
  const key = createHash("sha256")
    .update(
      JSON.stringify([
        format,
        binaries.version,
        binaries.directory,
        initdbOptions,
        statements,
        leastSettings,
        accessRules,
      ]),
    )
    .update(serverAccount()?.name ?? "self")
    .digest("hex")
    .slice(0, 10);
  const template = join(folder, `${binaries.version}-${key}`);
  if (!existsSync(template)) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await withLock(join(folder, "lock"), () => makeTemplate(binaries, folder, template), { timeoutMs: 120_000 });
  }
  return template;
}

/** Under the lock. It appears under its name by one rename, whole: a killed process leaves only a `.part`. */
async function makeTemplate(binaries: Pick<Binaries, "directory">, folder: string, template: string): Promise<void> {
  if (existsSync(template)) return;
  for (const name of await readdir(folder)) {
    if (name.endsWith(".part")) await rm(join(folder, name), { recursive: true, force: true });
  }
  const account = serverAccount();
  const part = `${template}.${randomBytes(4).toString("hex")}.part`;
  await mkdir(part, { mode: 0o700 });
  if (account !== undefined) chownSync(part, account.uid, account.gid);
  await runServerProgram(binaries, "initdb", ["-D", part, ...initdbOptions], "", account);
  await writeFile(join(part, "pg_hba.conf"), accessRules);
  await runSingleUser(binaries, part, statements);
  await rename(part, template);
}

/**
 * Runs statements on a data directory that no server runs on: in single-user mode, with no port, and it ends with a
 * checkpoint that is on disk. With `-j` a statement ends with a semicolon and an empty line.
 */
export async function runSingleUser(
  binaries: Pick<Binaries, "directory">,
  dataDirectory: string,
  given: readonly string[],
): Promise<void> {
  const settings = leastSettings.flatMap((setting) => ["-c", setting]);
  const args = ["--single", "-j", "-D", dataDirectory, ...settings, "postgres"];
  const input = given.map((statement) => `${statement};\n\n`).join("");
  await runServerProgram(binaries, "postgres", args, input, serverAccount());
}

async function runServerProgram(
  binaries: Pick<Binaries, "directory">,
  program: string,
  args: readonly string[],
  stdin: string,
  account: Account | undefined,
): Promise<void> {
  const child = spawn(join(binaries.directory, program), args, {
    ...spawnAs(account),
    stdio: ["pipe", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said = (said + chunk).slice(-4000)));
  child.stdin.on("error", () => undefined /* it ended without reading; its exit code says why */);
  child.stdin.end(stdin);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0 && !/^.*(ERROR|FATAL|PANIC):/m.test(said)) return;
  throw new BlackstartError("LAB_FAILED", {
    what: `${program} could not make the lab's template.`,
    why: said.trim() || `It ended with ${code ?? "a signal"} and said nothing.`,
    next: "Set BLACKSTART_PG_BINDIR to another PostgreSQL, or BLACKSTART_CACHE to a folder with room.",
  });
}
