import { constants } from "node:os";
import { CommanderError } from "commander";
import { BlackstartError } from "../base/error.ts";
import { learnFromEnvironment } from "../system/learn-secrets.ts";
import { commandName, type Surroundings } from "./command.ts";
import { createOutput } from "./output/output.ts";
import { exitCodeOf } from "./output/render-error.ts";
import { calledCommand, createProgram } from "./program.ts";
import { usageError } from "./usage.ts";

/**
 * The program. Whatever happens it ends with one of the exit codes of the catalogue, and with something said.
 */
const abort = new AbortController();
let unwritten: NodeJS.ErrnoException | undefined;
learnFromEnvironment(process.env);
goOnWhenNobodyReads();
listenToSignals();
const exitCode = await run();
await Promise.race([Promise.all([process.stdout, process.stderr].map(written)), readerGivenUp()]);
process.exit(withOutputKept(exitCode));

async function run(): Promise<number> {
  let exitCode = 0;
  const surroundings: Surroundings = {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    environment: process.env,
    signal: abort.signal,
    ended: (code) => {
      exitCode = code;
    },
  };
  const program = createProgram(surroundings);
  try {
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    const name = commandName(calledCommand(program, process.argv.slice(2)));
    const json = process.argv.includes("--json");
    const shown = error instanceof CommanderError ? usageError(error, name, json) : wasInterrupted(error);
    if (shown === undefined) return (error as CommanderError).exitCode === 0 ? 0 : 2;
    const color = !process.argv.includes("--no-color");
    createOutput({ ...surroundings, json, color }).error(shown, name);
    return abort.signal.aborted ? 128 + constants.signals.SIGINT : exitCodeOf(shown);
  }
}

/** What is thrown after Ctrl-C is mostly the abort itself, in one guise or another: it is told as what it is. */
function wasInterrupted(error: unknown): unknown {
  if (!abort.signal.aborted || error instanceof BlackstartError) return error;
  return new BlackstartError("INTERRUPTED", {
    what: "Interrupted.",
    why: "You, or the system, asked it to end.",
    next: "What is done is kept: the same command goes on where it can. `blackstart status` shows how things are.",
  });
}

/**
 * `blackstart … | head` is no error: whoever reads has read enough. But what was begun (a failover, say) is brought to
 * its end all the same; so it is when the terminal is gone.
 */
function goOnWhenNobodyReads(): void {
  process.stdout.on("error", (error) => {
    unwritten ??= error;
  });
  process.stderr.on("error", () => undefined);
}

/** What a pipe does not take at once, because it is full, would be lost with this process. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write("", () => resolve());
  });
}

/** Once we were asked to end, a reader that takes nothing more (a log collector that hangs) is not waited for. */
function readerGivenUp(): Promise<void> {
  return new Promise((resolve) => {
    const soon = () => setTimeout(resolve, 2000);
    if (abort.signal.aborted) soon();
    else abort.signal.addEventListener("abort", soon, { once: true });
  });
}

/** Output that did not arrive where it was to be kept (a full disk) makes a success untrue. */
function withOutputKept(exitCode: number): number {
  if (unwritten === undefined || unwritten.code === "EPIPE" || unwritten.code === "EIO") return exitCode;
  process.stderr.write(`error: What was to be said could not be written: ${unwritten.message}\n`);
  return exitCode === 0 ? 1 : exitCode;
}

/**
 * The first Ctrl-C asks the command to come to an end that it can tell of; a second ends it at once. npm and the
 * terminal may each pass one press on: what follows within half a second is the same press.
 */
function listenToSignals(): void {
  const samePressMs = 500;
  let firstAt: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        abort.abort(new Error(`ended by ${signal}`));
        if (signal === "SIGINT") process.stderr.write("\nStopping … (Ctrl-C again to end at once)\n");
      } else if (performance.now() - firstAt > samePressMs) {
        process.exit(128 + constants.signals[signal]);
      }
    });
  }
}
