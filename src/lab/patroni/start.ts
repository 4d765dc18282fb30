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

/** A program that was started and is left to itself; `ended` says how, once it has. */
export type Started = Readonly<{ name: string; logFile: string; said(): string; ended(): string | undefined }>;

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

/** Its own log is `patroni.log`; what it starts, the server first of all, writes to the same error output as it. */
export function startMember(node: NodeRecord): Started {
  return startDetached(
    "patroni",
    [configurationFileOf(node)],
    dirname(node.dataDirectory),
    logFileOf(node.dataDirectory),
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
    async () => (programs.some(cannotStart) ? { kind: "ended" as const } : wrapped(await ask())),
    { everyMs: 50, timeoutMs },
  );
  if (answer?.kind === "answer") return answer.value;
  const guilty = programs.find(cannotStart) ?? programs[0];
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

/** A server that has no port or does not understand a setting is started by Patroni again and again, for ever. */
function cannotStart({ ended, said }: Started): boolean {
  return (
    ended() !== undefined || /FATAL: {2}(could not create any TCP|configuration file|.*could not map)/.test(said())
  );
}

function startDetached(name: string, args: readonly string[], directory: string, logFile: string): Started {
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
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, signal) => (ended = `it ended with ${signal ?? code}`));
  child.unref();
  return {
    name,
    logFile,
    said: () => readFileSync(logFile).subarray(from).toString("utf8"),
    ended: () => ended,
  };
}

function give(path: string): void {
  const account = serverAccount();
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}
