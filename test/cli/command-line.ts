import { spawn, type StdioOptions } from "node:child_process";
import { join } from "node:path";

const program = join(import.meta.dirname, "..", "..", "bin", "blackstart.mjs");

export type Ended = Readonly<{
  code: number | null;
  stdout: string;
  stderr: string;
  records: readonly Line[];
  result: Line;
}>;

/** A line of `--json`; the tests look into it as they like. */
// biome-ignore lint/suspicious/noExplicitAny: what stands in it is what is tested
export type Line = any;

export type CommandLine = Readonly<{
  /** Runs `blackstart …` as a user would, without a terminal, and waits for its end. */
  run(...args: string[]): Promise<Ended>;
  start(...args: string[]): ReturnType<typeof spawn>;
  startWith(stdio: StdioOptions, ...args: string[]): ReturnType<typeof spawn>;
}>;

/** The real program, with a state directory of its own, called from `folder`. */
export function commandLine(folder: string, variables: NodeJS.ProcessEnv = {}): CommandLine {
  const env = {
    ...process.env,
    BLACKSTART_HOME: join(folder, "home"),
    BLACKSTART_USER: "ada",
    NO_COLOR: "1",
    ...variables,
  };
  const start = (...args: string[]) => spawn(process.execPath, [program, ...args], { cwd: folder, env });
  return {
    start,
    startWith: (stdio, ...args) => spawn(process.execPath, [program, ...args], { cwd: folder, env, stdio }),
    run: (...args) =>
      new Promise((resolve, reject) => {
        const child = start(...args);
        child.stdin.end();
        let stdout = "";
        let stderr = "";
        child.stdout.setEncoding("utf8").on("data", (data) => {
          stdout += data;
        });
        child.stderr.setEncoding("utf8").on("data", (data) => {
          stderr += data;
        });
        child.on("error", reject);
        child.on("close", (code) => {
          try {
            const records = args.includes("--json") ? recordsOf(stdout) : [];
            resolve({ code, stdout, stderr, records, result: records.at(-1) });
          } catch (error) {
            reject(error);
          }
        });
      }),
  };
}

/** Every line of stdout is a JSON object, or this throws. */
function recordsOf(stdout: string): Line[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
