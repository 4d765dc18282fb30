import { shellWord } from "../shell.ts";
import type { Activity, Experiment, Provider, Tolerance } from "./experiment.ts";
import { textInShell, wordInShell } from "./words.ts";

type Process = Extract<Provider, { type: "process" }>;
type Http = Extract<Provider, { type: "http" }>;

/** A number of seconds, or `${name}` of the configuration, in milliseconds; undefined where it is neither. Pure. */
export function milliseconds(seconds: unknown, experiment: Experiment): number | undefined {
  const number = Number(textInShell(String(seconds), experiment));
  return Number.isFinite(number) && number > 0 ? Math.round(number * 1000) : undefined;
}

/** What an activity does, as a command of the shell; undefined for what only Python can. Pure. */
export function commandOf({ provider, background }: Activity, experiment: Experiment): string | undefined {
  if (provider.type === "python") return undefined;
  const command =
    provider.type === "process"
      ? processCommand(provider, experiment)
      : curl(provider, ["-o", "/dev/null"], experiment);
  return background === true ? `(${command} >/dev/null 2>&1 &)` : command;
}

/**
 * Lines of a shell: they ask the probe and go on where its answer is within the tolerance; otherwise they end with 0.
 * Undefined for what a shell cannot tell. Pure.
 */
export function probeLines({ name, provider, tolerance }: Activity, experiment: Experiment): string | undefined {
  if (provider.type === "python" || tolerance === undefined) return undefined;
  const judged = judgement(tolerance, provider.type);
  if (judged === undefined) return undefined;
  const asked =
    provider.type === "process"
      ? askProcess(processCommand(provider, experiment), judged.of)
      : askServer(provider, judged.of, experiment);
  return [`# ${name.replace(/\s+/g, " ")}`, asked, `${judged.test} || exit 0`].join("\n");
}

type Part = "status" | "stdout" | "stderr" | "body";

function askProcess(command: string, part: Part): string {
  if (part === "status") return `${command} >/dev/null 2>&1\ngot=$?`;
  return `got=$(${command} ${part === "stderr" ? "2>&1 >/dev/null" : "2>/dev/null"})`;
}

function askServer(provider: Http, part: Part, experiment: Experiment): string {
  return `got=$(${curl(provider, part === "status" ? ["-o", "/dev/null", "-w", "%{http_code}"] : [], experiment)})`;
}

/** A simple command: what stands before and behind it is about the whole of it. */
function processCommand({ path, arguments: given, timeout }: Process, experiment: Experiment): string {
  const limitMs = timeout === undefined ? undefined : milliseconds(timeout, experiment);
  const limit = limitMs === undefined ? "" : `timeout ${limitMs / 1000} `;
  const program = wordInShell(path, experiment);
  if (typeof given !== "string")
    return limit + [program, ...wordsOf(given).map((word) => wordInShell(word, experiment))].join(" ");
  // A text is the shell's affair in the Chaos Toolkit as well.
  const line = `${program} ${textInShell(given, experiment)}`;
  return limit + (/[|&;<>()\n]/.test(line) ? `sh -c ${shellWord(line)}` : line);
}

function wordsOf(given: Exclude<Process["arguments"], string>): readonly string[] {
  const words = Array.isArray(given) ? given : Object.entries(given ?? {}).flat();
  return words.filter((word) => word !== null && word !== "").map(String);
}

/** As the Chaos Toolkit asks: redirects are followed; arguments are the query of a GET, otherwise a form or JSON. */
function curl(provider: Http, more: readonly string[], experiment: Experiment): string {
  const { url, method = "GET", headers = {}, timeout, arguments: given } = provider;
  const isGet = method.toUpperCase() === "GET";
  // A pair is that of connecting and of reading; the whole takes both.
  const limits = (Array.isArray(timeout) ? timeout : [timeout]).map((one) => milliseconds(one, experiment) ?? 0);
  const limitMs = limits.reduce((sum, one) => sum + one, 0);
  const isJson = Object.entries(headers).some(
    ([name, value]) => /^content-type$/i.test(name) && String(value).startsWith("application/json"),
  );
  const words = [
    "-sSL",
    ...(isGet ? [] : ["-X", method.toUpperCase()]),
    ...(limitMs === 0 ? [] : ["--max-time", String(limitMs / 1000)]),
    ...(provider.verify_tls === false ? ["-k"] : []),
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    ...(isGet && given !== undefined ? ["-G"] : []),
    ...dataOf(given, isJson),
    ...more,
    url,
  ];
  return ["curl", ...words.map((word) => wordInShell(word, experiment))].join(" ");
}

function dataOf(given: unknown, isJson: boolean): readonly string[] {
  if (given === undefined || given === null) return [];
  if (typeof given !== "object" || isJson)
    return ["--data-raw", typeof given === "string" ? given : JSON.stringify(given)];
  return Object.entries(given).flatMap(([name, value]) => ["--data-urlencode", `${name}=${value}`]);
}

/** What of the answer is looked at, and how: in `$got`. A number is a status, a text the output, a list any of several. */
function judgement(tolerance: Tolerance, type: "process" | "http"): { of: Part; test: string } | undefined {
  const output = type === "process" ? "stdout" : "body";
  if (Array.isArray(tolerance)) {
    const all = tolerance.map((one) => judgement(one, type));
    const [first] = all;
    if (first === undefined || all.some((one) => one?.of !== first.of)) return undefined;
    return { of: first.of, test: `{ ${all.map((one) => one?.test).join(" || ")}; }` };
  }
  switch (typeof tolerance) {
    case "boolean": {
      const isWell = type === "process" ? '[ "$got" -eq 0 ]' : '[ "$got" -ge 200 ] && [ "$got" -lt 300 ]';
      return { of: "status", test: tolerance ? `{ ${isWell}; }` : `! { ${isWell}; }` };
    }
    case "number":
      return Number.isInteger(tolerance) ? { of: "status", test: `[ "$got" -eq ${tolerance} ]` } : undefined;
    case "string":
      return { of: output, test: `[ "$got" = ${shellWord(tolerance)} ]` };
    default:
      return ruled(tolerance as Readonly<Record<string, unknown>>, output);
  }
}

/** `range` has both its ends; `regex` looks anywhere in its target: Perl's are nearest to Python's. */
function ruled(rule: Readonly<Record<string, unknown>>, output: Part): { of: Part; test: string } | undefined {
  const of = (["status", "stdout", "stderr", "body"] as const).find((part) => part === (rule.target ?? output));
  if (of === undefined) return undefined;
  const given = `printf '%s\\n' "$got" |`;
  if (rule.type === "regex" && typeof rule.pattern === "string")
    return { of, test: `${given} grep -Pq -- ${shellWord(rule.pattern)}` };
  if (rule.type !== "range" || !Array.isArray(rule.range)) return undefined;
  const [from, to] = rule.range.map(Number);
  if (from === undefined || to === undefined || Number.isNaN(from + to)) return undefined;
  return { of, test: `${given} awk '{ exit !($0 + 0 == $0 && $0 >= ${from} && $0 <= ${to}) }'` };
}
