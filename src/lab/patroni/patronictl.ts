import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { LabRecord, NodeRecord, PatroniRecord } from "../record.ts";
import { configurationFileOf, patroniRuns } from "./processes.ts";
import { lastLookOf, leaderOf } from "./rest.ts";

const commandTimeoutMs = 60_000;
/** Patroni tells when it last looked into etcd in whole seconds. */
const everyMs = 100;

/**
 * `patronictl` with these words, a line each, as the leader is configured, or the first member that runs; returns when
 * every member that runs has had a whole round to act on it. The cluster's name, which some of its commands want, is in
 * BLACKSTART_LAB.
 */
export async function patronictl(record: LabRecord, patroni: PatroniRecord, words: string): Promise<string> {
  const lines = words.split("\n").filter((line) => line.trim() !== "");
  let settled = true;
  for (const line of lines) {
    const leader = await leaderOf(record, patroni);
    const running = record.nodes.filter(patroniRuns);
    const node = running.find(({ name }) => name === leader) ?? running[0];
    if (node === undefined) throw nobodyRuns(record);
    await say(record, node, line);
    settled = await hadARound(patroni, running);
  }
  return `Said to Patroni: ${lines.map((line) => line.trim()).join("; ")}${settled ? "" : " (not every member has seen it)"}.`;
}

async function say(record: LabRecord, node: NodeRecord, line: string): Promise<void> {
  try {
    await promisify(execFile)("sh", ["-c", `exec patronictl -c "$0" ${line}`, configurationFileOf(node)], {
      timeout: commandTimeoutMs,
      killSignal: "SIGKILL",
      env: { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8", BLACKSTART_LAB: record.name },
    });
  } catch (error) {
    const { stdout = "", stderr = "", code } = error as { stdout?: string; stderr?: string; code?: unknown };
    throw new BlackstartError("HOST_COMMAND_FAILED", {
      what: `patronictl ${line.trim()} ended with ${code ?? "a signal"} in the lab ${record.name}.`,
      why: (stderr.trim() || stdout.trim()).split("\n").slice(-4).join(" / ") || "It said nothing.",
      next: "It is asked nothing: say --force where it would ask. See `patronictl --help`.",
    });
  }
}

/** A look into etcd that began a whole round after now: the one before it began after now, and was acted on. */
async function hadARound({ members, times }: PatroniRecord, running: readonly NodeRecord[]): Promise<boolean> {
  const fromSeconds = Math.ceil(Date.now() / 1000) + times.loopWait;
  const all = await pollUntil(
    async () => {
      const looks = await Promise.all(running.map(({ name }) => lastLookOf(members[name]?.restServer)));
      return looks.every((seconds) => seconds !== undefined && seconds >= fromSeconds) ? true : undefined;
    },
    { everyMs, timeoutMs: times.ttl * 2000 },
  );
  return all === true;
}

function nobodyRuns({ name }: LabRecord): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Patroni runs nowhere in the lab ${name}.`,
    why: "Every member is off: nobody would act on what is said.",
    next: "Say it before, or heal a member first.",
  });
}
