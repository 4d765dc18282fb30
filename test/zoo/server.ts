import { execFile, spawn } from "node:child_process";
import { chownSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { pollUntil } from "../../src/base/time.ts";

export type Account = Readonly<{ name: string; uid: number; gid: number }>;

/** Where a server's files are, and how its programs are run. */
export type Place = Readonly<{
  name: string;
  port: number;
  data: string;
  /** Where postgresql.conf and pg_hba.conf are: the data directory, but in Debian. */
  configuration: string;
  logFile: string;
  binaries: string;
  account: Account | undefined;
  /** In front of each command: how to get into its container. */
  inside: readonly string[];
  /** In front of `postgres` alone. */
  inFrontOf: readonly string[];
  /** The data directory as it is seen from there. */
  innerData: string;
  environment: NodeJS.ProcessEnv;
}>;

/** As the account of the servers, in the node's own container. Throws with what the program said. */
export function runAs(place: Place, program: string, ...args: string[]): Promise<void> {
  const [file = "", ...rest] = [...place.inside, ...becoming(place.account), program, ...args];
  return run(file, rest, place.environment);
}

/** Without holding up what else this process does: other clusters' clients among it. Throws with what the program said. */
export async function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  await promisify(execFile)(program, args, { cwd: "/", env: environment, maxBuffer: 16 * 1024 * 1024 });
}

export function becoming(account: Account | undefined): readonly string[] {
  return account === undefined
    ? []
    : ["setpriv", `--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups", "--"];
}

/** A child of ours, so that it is waited for as soon as it has ended, as under an init that works. */
export async function startServer(place: Place): Promise<void> {
  mkdirSync(dirname(place.logFile), { recursive: true });
  const log = openSync(place.logFile, "a");
  if (place.account !== undefined) chownSync(place.logFile, place.account.uid, place.account.gid);
  const from = readFileSync(place.logFile).length;
  const ownConfiguration =
    place.configuration === place.data ? [] : ["-c", `config_file=${join(place.configuration, "postgresql.conf")}`];
  const words = [...place.inFrontOf, join(place.binaries, "postgres"), "-D", place.innerData, ...ownConfiguration];
  const [file = "", ...args] = [...place.inside, ...becoming(place.account), ...words];
  const child = spawn(file, args, { detached: true, cwd: "/", env: place.environment, stdio: ["ignore", log, log] });
  closeSync(log);
  child.unref();
  const said = () => readFileSync(place.logFile).subarray(from).toString("utf8");
  const answer = await pollUntil(
    async () => (isReady(said()) ? "ready" : child.exitCode !== null ? "ended" : undefined),
    { everyMs: 10, timeoutMs: 60_000 },
  );
  if (answer !== "ready") throw new Error(`${place.name} did not start: ${said().slice(-1500)}`);
}

/** A standby that has not reached consistency yet is started as well. */
function isReady(log: string): boolean {
  return /ready to accept (?:read[- ]only )?connections|not yet accepting connections/.test(log);
}

/** The postmaster and everything below it; none when it does not run. */
export function processesOf(place: Place): readonly number[] {
  const postmaster = postmasterOf(place);
  if (postmaster === undefined) return [];
  const found = [postmaster];
  for (const pid of found) found.push(...childrenOf(pid));
  return found;
}

function postmasterOf({ data }: Place): number | undefined {
  const pid = Number(lockFile(data)?.[0]);
  return Number.isInteger(pid) && isPostgres(pid) ? pid : undefined;
}

/** The id of its shared memory segment, which outlives a SIGKILL. */
export function segmentOf({ data }: Place): string | undefined {
  return lockFile(data)?.[6]?.trim().split(/\s+/)[1];
}

function lockFile(data: string): readonly string[] | undefined {
  try {
    return readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return undefined; // It does not run.
  }
}

export function isPostgres(pid: number): boolean {
  try {
    return /^State:\s+[^Z]/m.test(readFileSync(`/proc/${pid}/status`, "utf8")) && commandOf(pid) === "postgres";
  } catch {
    return false; // It has ended.
  }
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return []; // It has ended.
  }
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // One that ended in between.
    }
  }
}
