/**
 * What `synchronous_standby_names` says. A commit is acknowledged when it is on `count` of the `names`; `*` in the names
 * stands for every standby. Names are compared without regard to case.
 * Grammar: PostgreSQL's src/backend/replication/syncrep_gram.y.
 */
export type SynchronousNames = Readonly<{ method: "first" | "any"; count: number; names: readonly string[] }>;

/** Undefined for an empty setting: nothing is synchronous. Throws a SyntaxError for what PostgreSQL would not take. */
export function parseSynchronousNames(setting: string): SynchronousNames | undefined {
  const tokens = tokensOf(setting);
  if (tokens.length === 0) return undefined;
  let position = 0;
  const keyword = tokens[0]?.quoted ? "" : tokens[0]?.text.toLowerCase();
  const isCounted = (at: number) => /^\d+$/.test(tokens[at]?.text ?? "") && tokens[at + 1]?.text === "(";
  let method: SynchronousNames["method"] = "first";
  if ((keyword === "first" || keyword === "any") && isCounted(1)) {
    method = keyword;
    position = 1;
  }
  if (!isCounted(position)) return { method: "first", count: 1, names: listOf(tokens, setting) };
  const count = Number(tokens[position]?.text);
  const list = tokens.slice(position + 2);
  if (count < 1 || list.at(-1)?.text !== ")") throw notUnderstood(setting);
  return { method, count, names: listOf(list.slice(0, -1), setting) };
}

/** The setting's text; every name is quoted, so that any name is safe. */
export function formatSynchronousNames(value: SynchronousNames | undefined): string {
  if (value === undefined || value.names.length === 0 || value.count < 1) return "";
  if (value.method === "first" && value.count === 1 && value.names.join() === "*") return "*";
  const names = value.names.map((name) => (name === "*" ? "*" : `"${name.replaceAll('"', '""')}"`));
  return `${value.method === "any" ? "ANY" : "FIRST"} ${value.count} (${names.join(", ")})`;
}

/** Whether two settings mean the same, however they are written. */
export function isSameSetting(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => formatSynchronousNames(parseSynchronousNames(text)).toLowerCase());
  return a === b;
}

/** Whether what is in force is what a plan has recorded: what it set, or what it was about to replace. */
export function isAsRecorded(record: Readonly<{ setting: string; replaces?: string }>, inForce: string): boolean {
  const { setting, replaces } = record;
  return isSameSetting(setting, inForce) || (replaces !== undefined && isSameSetting(replaces, inForce));
}

/** Whether the standby of this name counts. */
export function isSynchronousName(value: SynchronousNames, name: string): boolean {
  return value.names.some((one) => one === "*" || one.toLowerCase() === name.toLowerCase());
}

/** Those that count, one entry for each server that streams: several may bear one name. */
export function counting(names: SynchronousNames, streaming: readonly string[]): readonly string[] {
  return streaming.filter((name) => isSynchronousName(names, name));
}

type Token = Readonly<{ text: string; quoted: boolean }>;

function tokensOf(setting: string): Token[] {
  const pattern = /\s*(?:"((?:[^"]|"")+)"|([(),*])|([^\s"(),*]+))\s*/y;
  const tokens: Token[] = [];
  while (pattern.lastIndex < setting.length) {
    if (setting.slice(pattern.lastIndex).trim() === "") break;
    const match = pattern.exec(setting);
    if (match === null) throw notUnderstood(setting);
    if (match[1] === undefined) tokens.push({ text: match[2] ?? match[3] ?? "", quoted: false });
    else tokens.push({ text: match[1].replaceAll('""', '"'), quoted: true });
  }
  return tokens;
}

function listOf(tokens: readonly Token[], setting: string): string[] {
  const isName = (token: Token | undefined) => token !== undefined && (token.quoted || !/^[(),]$/.test(token.text));
  const wellFormed =
    tokens.length % 2 === 1 && tokens.every((token, at) => (at % 2 === 0 ? isName(token) : token.text === ","));
  if (!wellFormed) throw notUnderstood(setting);
  return tokens.filter((_, at) => at % 2 === 0).map((token) => token.text);
}

function notUnderstood(setting: string): SyntaxError {
  return new SyntaxError(`synchronous_standby_names cannot be understood: ${setting}`);
}
