import { readFileSync, statSync } from "node:fs";
import type { Host, HostCommand, HostResult } from "./host.ts";
import { runProgram } from "./run-program.ts";

const defaultTimeoutMs = 10_000;

/** This machine. See `Host` for the contract. */
export function localHost(): Host {
  const reference = "local:";
  return {
    reference,
    async run(command: HostCommand): Promise<HostResult> {
      const account = accountOf(command.as);
      return runProgram({
        program: "/bin/sh",
        args: ["-c", command.script, "sh", ...(command.args ?? [])],
        input: command.input ?? "",
        timeoutMs: command.timeoutMs ?? defaultTimeoutMs,
        signal: command.signal,
        environment: { ...cleanEnvironment(process.env), ...(account?.home ? { HOME: account.home } : {}) },
        ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
        where: reference,
      });
    },
  };
}

type Account = Readonly<{ uid: number; gid: number; home: string | undefined }>;

/** The owner of a path, where we are root and it is somebody else's; undefined: as we are. */
function accountOf(path: string | undefined): Account | undefined {
  if (path === undefined || process.getuid?.() !== 0) return undefined;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.uid === 0) return undefined;
  return { uid: stat.uid, gid: stat.gid, home: homeOf(stat.uid) };
}

/** For its `.pgpass`. An account that is not in the file (LDAP, say) does without. */
function homeOf(uid: number): string | undefined {
  return readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => fields[2] === String(uid))?.[5];
}

/**
 * What we run must answer in English, find the system's programs, and not be led to another server by PGHOST, PGDATA and
 * their like.
 */
function cleanEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !/^(PG[A-Z]+|LC_|LANG)/.test(name));
  return {
    ...Object.fromEntries(kept),
    LC_ALL: "C",
    PATH: `${environment.PATH ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
}
