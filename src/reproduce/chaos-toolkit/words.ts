/** Splits a command line as a POSIX shell does, quotes and backslashes included, and nothing else of it. Pure. */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  const parts = line.matchAll(/'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|(\s+)|([^\s'"\\]+)|(['"\\])/g);
  for (const [, single, double, escaped, blank, bare, loose] of parts) {
    if (blank === undefined)
      word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? bare ?? loose ?? "");
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

type Values = Readonly<Record<string, unknown>>;

/**
 * `${name}` of an experiment's configuration becomes its value, or `${KEY}` where it is taken from the environment. A
 * secret's value is never written: its name, or its variable's, stands for it. Pure.
 */
export function substituted(text: string, configuration: Values, secrets: Values): string {
  return text.replace(/\$\{([^}]+)\}/g, (whole, name: string) => {
    if (Object.hasOwn(configuration, name)) return valueText(configuration[name], whole);
    for (const group of Object.values(secrets)) {
      if (typeof group !== "object" || group === null || !Object.hasOwn(group, name)) continue;
      return variableOf((group as Values)[name]) ?? whole;
    }
    return whole;
  });
}

function valueText(value: unknown, otherwise: string): string {
  return typeof value === "object" ? (variableOf(value) ?? otherwise) : String(value);
}

function variableOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { type, key } = value as { type?: unknown; key?: unknown };
  return type === "env" && typeof key === "string" ? `\${${key}}` : undefined;
}
