import { shellWord } from "../shell.ts";
import type { Experiment } from "./experiment.ts";

type Values = Pick<Experiment, "configuration" | "secrets">;
type Part = Readonly<{ text: string } | { variable: string }>;

/** A text of an experiment as one word of a shell. Pure. */
export function wordInShell(text: string, values: Values): string {
  const words = parts(text, values).map((part) => ("text" in part ? shellWord(part.text) : `"\${${part.variable}}"`));
  return words.join("") || "''";
}

/** A text of an experiment that a shell is given as it is; within single quotes a variable would be none. Pure. */
export function textInShell(text: string, values: Values): string {
  return parts(text, values).reduce((before, part) => {
    if ("text" in part) return before + part.text;
    const variable = `\${${part.variable}}`;
    return before + (isInSingleQuotes(before) ? `'"${variable}"'` : variable);
  }, "");
}

/** Whether what is written behind this text stands in single quotes that it opened. */
function isInSingleQuotes(text: string): boolean {
  return text.replace(/\\[\s\S]|"(\\[\s\S]|[^"\\])*("|$)|'[^']*'/g, "").includes("'");
}

/**
 * `${name}` of an experiment's configuration becomes its value, or a variable where it is taken from the environment. A
 * secret's value is never written: its variable, or its name as one, stands for it.
 */
function parts(text: string, { configuration = {}, secrets = {} }: Values): readonly Part[] {
  const found: Part[] = [];
  text.split(/\$\{([^}]+)\}/).forEach((piece, index) => {
    const part = index % 2 === 0 ? { text: piece } : valueOf(piece, configuration, secrets);
    const last = found.at(-1);
    if ("text" in part && last !== undefined && "text" in last) found.splice(-1, 1, { text: last.text + part.text });
    else if (!("text" in part) || part.text !== "") found.push(part);
  });
  return found;
}

function valueOf(name: string, configuration: Record<string, unknown>, secrets: Record<string, unknown>): Part {
  if (Object.hasOwn(configuration, name)) {
    const value = configuration[name];
    return typeof value === "object" ? variableOf(value, name) : { text: String(value) };
  }
  for (const group of Object.values(secrets))
    if (typeof group === "object" && group !== null && Object.hasOwn(group, name))
      return variableOf((group as Record<string, unknown>)[name], name);
  return { text: `\${${name}}` };
}

/** `{ type: env, key: PGDATA, default: … }`; what comes from elsewhere, and a secret, is expected in a variable of its name. */
function variableOf(value: unknown, name: string): Part {
  const { type, key, default: otherwise } = (value ?? {}) as { type?: unknown; key?: unknown; default?: unknown };
  if (type !== "env" || typeof key !== "string") return { variable: name.replace(/\W/g, "_") };
  if (otherwise === undefined) return { variable: key };
  return { variable: `${key}:-${String(otherwise).replace(/[\\"$`}]/g, "\\$&")}` };
}
