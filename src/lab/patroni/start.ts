import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { serverAccount } from "../account.ts";
import { findProgram } from "../programs.ts";
import type { LabRecord, NodeRecord, PatroniRecord } from "../record.ts";
import { logFileOf } from "../server-start.ts";
import { memberConfiguration } from "./configuration.ts";
import { configurationFileOf, etcdDirectoryOf } from "./processes.ts";

/** A program that was started and is left to itself. `ended`: or what it started will never run. */
export type Started = Readonly<{ name: string; said(): string; ended(): boolean }>;

export function startEtcd(record: LabRecord, { etcd }: PatroniRecord): Started {
  const directory = etcdDirectoryOf(record);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  give(directory);
  const [clientUrl, peerUrl] = [etcd.client, etcd.peer].map((port) => `http://127.0.0.1:${port}`) as [string, string];
  const flags = {
    name: "etcd",
    "data-dir": join(directory, "data"),
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `etcd=${peerUrl}`,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  return startDetached("etcd", args, directory, join(directory, "etcd.log"));
}

export function writeConfiguration(
  record: LabRecord,
  node: NodeRecord,
  patroni: PatroniRecord,
  extra: Readonly<Record<string, string>>,
): void {
  const file = configurationFileOf(node);
  writeFileSync(file, stringify(memberConfiguration(record, node, patroni, extra)), { mode: 0o600 });
  give(file);
}

/**
 * A server that cannot start is started by Patroni again and again, for ever. Of use for its very first start: later on
 * Patroni may well stop it before it is ready, for a rewind.
 */
export function neverStarts(said: string): boolean {
  return (
    !/database system is ready to accept/.test(said) &&
    /FATAL: {2}configuration file .* contains errors|LOG: {2}database system is shut down/.test(said)
  );
}

/**
 * Its own log is `patroni.log`; what it starts, the server first of all, writes to the same error output as it.
 * @param hopeless whether, by what was said there, it need not be waited for any more
 */
export function startMember(node: NodeRecord, hopeless?: (said: string) => boolean): Started {
  const { dataDirectory } = node;
  return startDetached(
    "patroni",
    [configurationFileOf(node)],
    dirname(dataDirectory),
    logFileOf(dataDirectory),
    hopeless,
  );
}

/** Waits until `ask` has an answer, or one of the programs it depends on has ended or has said that it cannot start. */
export async function waitFor<T>(
  what: string,
  programs: readonly Started[],
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const answer = await pollUntil(
    async () => (programs.some(hasEnded) ? { kind: "ended" as const } : wrapped(await ask())),
    { everyMs: 50, timeoutMs },
  );
  if (answer?.kind === "answer") return answer.value;
  const guilty = programs.find(hasEnded) ?? programs[0];
  const said = guilty?.said() ?? "";
  throw new BlackstartError("LAB_FAILED", {
    what: answer === undefined ? `${what} within ${timeoutMs / 1000} s.` : `${what}: ${guilty?.name} cannot start.`,
    why: `Its log says: ${said.trim().split("\n").slice(-8).join(" / ") || "nothing"}`,
    next: "If the log names a setting, leave it out; if it names memory or disk, make room.",
    details: { addressInUse: /address already in use/i.test(said) },
  });
}

function wrapped<T>(value: T | undefined): { kind: "answer"; value: T } | undefined {
  return value === undefined ? undefined : { kind: "answer", value };
}

function hasEnded({ ended }: Started): boolean {
  return ended();
}

function startDetached(
  name: string,
  args: readonly string[],
  directory: string,
  logFile: string,
  hopeless?: (said: string) => boolean,
): Started {
  const log = openSync(logFile, "a");
  give(logFile);
  const from = readFileSync(logFile).length;
  const account = serverAccount();
  const child: ChildProcess = spawn(findProgram([name]) ?? name, args, {
    // Where it stands is how it is found again.
    cwd: directory,
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8" },
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let ended = false;
  for (const event of ["error", "exit"]) child.once(event, () => (ended = true));
  child.unref();
  const said = () => readFileSync(logFile).subarray(from).toString("utf8");
  return { name, said, ended: () => ended || hopeless?.(said()) === true };
}

function give(path: string): void {
  const account = serverAccount();
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}
