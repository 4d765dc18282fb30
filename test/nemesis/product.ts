import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { commandLine, type Ended, type Line } from "../cli/command-line.ts";

/** `blackstart up` on this system, a real process, and whoever starts it again when it was killed. */
export interface Product {
  /** What it told, in order, and when we read it. */
  readonly told: readonly Told[];
  /** Called at each event; for those who wait for a step. */
  onTold(listen: (told: Told) => void): void;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL; it is started again after so long. */
  kill(againAfterMs: number): void;
  /** Moves its wall clock, where it was started with one that can be moved. */
  stepClock(seconds: number): void;
  /** A command of a person's, as typed. */
  run(...words: string[]): Promise<Ended>;
  /** Where its API is; undefined while it does not run. */
  url(): string | undefined;
  stop(): Promise<void>;
}

export type Told = Readonly<{ atMs: number; event: Line }>;

const program = join(import.meta.dirname, "..", "..", "bin", "blackstart.mjs");
const fakeTime = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1")[0];

/** @param options.movableClock with libfaketime before it, where there is one */
export function startProduct(
  folder: string,
  systemFile: string,
  options: Readonly<{ movableClock: boolean; variables: NodeJS.ProcessEnv }>,
): Product {
  const clockFile = join(folder, "clock");
  writeFileSync(clockFile, "+0\n");
  const clock =
    options.movableClock && fakeTime !== undefined
      ? {
          LD_PRELOAD: fakeTime,
          FAKETIME_TIMESTAMP_FILE: clockFile,
          FAKETIME_NO_CACHE: "1",
          FAKETIME_DONT_FAKE_MONOTONIC: "1",
          DONT_FAKE_MONOTONIC: "1",
        }
      : {};
  const env = {
    ...process.env,
    ...options.variables,
    BLACKSTART_HOME: join(folder, "home"),
    BLACKSTART_USER: "nemesis",
    NO_COLOR: "1",
  };
  const log = createWriteStream(join(folder, "up.log"), { flags: "a" });
  const commands = commandLine(folder, options.variables);
  const running = new Set<ChildProcess>();
  const told: Told[] = [];
  const listeners: ((told: Told) => void)[] = [];
  let child: ChildProcess;
  let again: NodeJS.Timeout | undefined;
  let isOver = false;
  let url: string | undefined;

  const start = () => {
    child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", program, "up", "--port", "0", "--file", systemFile, "--json"],
      {
        cwd: folder,
        env: { ...env, ...clock },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    child.stderr?.pipe(log, { end: false });
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      log.write(`${line}\n`);
      const { up, event } = recordOf(line);
      url = up?.url ?? url;
      if (event === undefined) return;
      const one = { atMs: performance.now(), event };
      told.push(one);
      for (const listen of listeners) listen(one);
    });
    // It ends by itself when another has taken over, or when it was away for too long: a supervisor starts it again.
    child.once("exit", () => {
      url = undefined;
      if (!isOver && again === undefined) startLater(500);
    });
  };
  const startLater = (ms: number) => {
    clearTimeout(again);
    again = setTimeout(() => {
      again = undefined;
      if (!isOver) start();
    }, ms);
  };
  start();
  return {
    told,
    onTold: (listen) => void listeners.push(listen),
    signal: (name) => void child.kill(name),
    kill(againAfterMs) {
      startLater(againAfterMs);
      child.kill("SIGKILL");
    },
    stepClock: (seconds) => writeFileSync(clockFile, `${seconds < 0 ? "" : "+"}${seconds}\n`),
    url: () => url,
    run(...words) {
      const command = commands.start(...words, "--file", systemFile, "--json");
      running.add(command);
      command.once("close", () => running.delete(command));
      return endOf(command);
    },
    async stop() {
      isOver = true;
      for (const command of running) command.kill("SIGKILL");
      clearTimeout(again);
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await ended;
      }
      await new Promise<void>((resolve) => log.end(() => resolve()));
    },
  };
}

const commandTimeoutMs = 240_000;

/** One that does not end is ended; its exit code is null then. */
function endOf(command: ChildProcess): Promise<Ended> {
  command.stdin?.end();
  const timer = setTimeout(() => command.kill("SIGKILL"), commandTimeoutMs);
  let [stdout, stderr] = ["", ""];
  command.stdout?.on("data", (chunk) => (stdout += chunk));
  command.stderr?.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve) => {
    command.once("close", (code) => {
      clearTimeout(timer);
      const records = stdout.split("\n").filter(Boolean).map(recordOf);
      resolve({ code, stdout, stderr, records, result: records.at(-1) });
    });
  });
}

function recordOf(line: string): Line {
  try {
    return JSON.parse(line);
  } catch {
    return {}; // Cut off by a SIGKILL.
  }
}
