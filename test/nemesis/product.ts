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
export function startProduct(folder: string, options: Readonly<{ movableClock: boolean }>): Product {
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
  const env = { ...process.env, BLACKSTART_HOME: join(folder, "home"), BLACKSTART_USER: "nemesis", NO_COLOR: "1" };
  const log = createWriteStream(join(folder, "up.log"), { flags: "a" });
  const commands = commandLine(folder);
  const told: Told[] = [];
  const listeners: ((told: Told) => void)[] = [];
  let child: ChildProcess;
  let again: NodeJS.Timeout | undefined;
  let isOver = false;
  let url: string | undefined;

  const start = () => {
    child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, "up", "--port", "0", "--json"], {
      cwd: folder,
      env: { ...env, ...clock },
      stdio: ["ignore", "pipe", "pipe"],
    });
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
    run: (...words) => commands.run(...words, "--json"),
    async stop() {
      isOver = true;
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

function recordOf(line: string): Line {
  try {
    return JSON.parse(line);
  } catch {
    return {}; // Cut off by a SIGKILL.
  }
}
