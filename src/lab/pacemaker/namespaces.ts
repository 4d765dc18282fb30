import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { homedir } from "node:os";
import { closeSync, openSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { HostResult } from "../../drivers/host/host.ts";
import { runProgram } from "../../drivers/host/run-program.ts";
import { identityOf, isAlive, type ProcessIdentity } from "../processes.ts";

const startTimeoutMs = 10_000;

/** What was started in namespaces of its own, and waits for the word to go on. */
export type Started = Readonly<{ identity: ProcessIdentity; say: (word: string) => void }>;

/**
 * Starts a program in new namespaces, in a session of its own so that it outlives this process. They are nowhere but in
 * its processes, without a name: when the last of those is gone, so are the namespaces, with their mounts and links.
 *
 * The program reads its standard input and ends when that does before it was told to go on. `noted` is called before it
 * can be told: so nothing can run that is not noted.
 */
export async function startInNamespaces(
  start: Readonly<{ flags: readonly string[]; program: readonly string[]; folder: string; logFile: string }>,
  noted: (identity: ProcessIdentity) => void,
): Promise<Started> {
  const log = openSync(start.logFile, "a");
  const child = spawn("unshare", [...start.flags, "--", ...start.program], {
    cwd: start.folder,
    detached: true,
    stdio: ["pipe", log, log],
    // Nothing of ours: a PGOPTIONS of the caller would be every agent's.
    env: { PATH: systemPath, LC_ALL: "C.UTF-8" },
  });
  closeSync(log);
  const input = child.stdin as Socket;
  let problem: string | undefined;
  child.once("error", (error) => (problem = error.message));
  child.once("exit", (code, signal) => (problem = `it ended with ${signal ?? code}`));
  input.on("error", () => undefined /* it ended; whoever waits for what it does is told */);
  // Neither the program nor the pipe to it keeps this process from its own end.
  child.unref();
  input.unref();
  const forks = start.flags.includes("--fork");
  const identity = await pollUntil(async () => (problem === undefined ? firstProcess(child, forks) : "ended"), {
    everyMs: 2,
    timeoutMs: startTimeoutMs,
  });
  if (identity === undefined || identity === "ended") {
    input.destroy();
    throw new BlackstartError("LAB_FAILED", {
      what: "A host's namespaces could not be made.",
      why: [problem ?? `Not within ${startTimeoutMs} ms`, readFileSync(start.logFile, "utf8").trim()].join(": "),
      next: "In a container, give it the right to make namespaces and to mount (CAP_SYS_ADMIN, CAP_NET_ADMIN).",
    });
  }
  try {
    noted(identity);
  } catch (error) {
    input.destroy();
    throw error;
  }
  return { identity, say: (word) => void input.write(`${word}\n`) };
}

/** In new namespaces: `unshare` itself has them, or the child that it forked. Ours still: it is not yet there. */
function firstProcess({ pid }: ChildProcess, forks: boolean): ProcessIdentity | undefined {
  if (pid === undefined) return undefined;
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    const first = forks ? Number(children[0]) : pid;
    if (!(first > 0) || networkOf(first) === networkOf(process.pid)) return undefined;
    // Before that it is unshare, whose place the program takes.
    return readlinkSync(`/proc/${first}/exe`).endsWith("/unshare") ? undefined : identityOf(first);
  } catch {
    return undefined; // Between the fork and its first entry in /proc.
  }
}

function networkOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

export const systemPath = `/usr/sbin:/usr/bin:/sbin:/bin:${process.env.PATH ?? ""}`;

/** Every process in the namespace of this one's pids; none when it is gone. */
export function processNamespace({ pid }: ProcessIdentity): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // It is gone.
  }
}

/** Runs a program in all namespaces of a host, or in the network alone of what has only that. */
export function runInside(
  identity: ProcessIdentity,
  program: readonly string[],
  options: Readonly<{ networkOnly?: boolean; input?: string; timeoutMs: number; where: string }>,
): Promise<HostResult> {
  if (!isAlive(identity)) throw isOff(options.where);
  const namespaces = options.networkOnly ? ["--net"] : ["--mount", "--uts", "--ipc", "--net", "--pid"];
  return runProgram({
    program: "nsenter",
    args: ["--target", String(identity.pid), ...namespaces, "--", ...program],
    input: options.input ?? "",
    timeoutMs: options.timeoutMs,
    environment: { PATH: systemPath, LC_ALL: "C.UTF-8", HOME: homedir() },
    where: options.where,
  });
}

/** The same, for what must succeed: its output. */
export async function mustRunInside(...[identity, program, options]: Parameters<typeof runInside>): Promise<string> {
  const { code, stdout, stderr } = await runInside(identity, program, options);
  if (code === 0) return stdout;
  throw new BlackstartError("LAB_FAILED", {
    what: `${program.slice(0, 3).join(" ")} failed on ${options.where}.`,
    why: `It ended with ${code}: ${stderr.trim() || stdout.trim() || "it said nothing"}`,
    next: "See the host's logs; take the lab down and make it anew.",
  });
}

/** What cannot be done on a machine that is not on. */
export function isOff(where: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${where.replace(/^t/, "T")} is switched off.`,
    why: "Its first process is gone.",
    next: "Switch it on: blackstart lab heal power-off",
  });
}

export function writeIdentity(file: string, identity: ProcessIdentity): void {
  writeFileSync(file, JSON.stringify(identity));
}

/** Undefined: it was never started, or is gone, or the machine was started anew since. */
export function readAliveIdentity(file: string): ProcessIdentity | undefined {
  try {
    const identity = JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
    return isAlive(identity) ? identity : undefined;
  } catch {
    return undefined; // Nothing was noted.
  }
}
