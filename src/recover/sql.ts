/**
 * Just enough of PostgreSQL's lexer (`parser/scan.l`) to find `$column` and `;` where they mean something: not within
 * literals, quoted identifiers, comments or dollar quotes.
 */
export type SqlToken = Readonly<{
  kind: "word" | "placeholder" | "number-parameter" | "semicolon" | "opaque" | "blank" | "other";
  text: string;
  at: number;
}>;

/** @returns the tokens in order; their texts together are the input. Whatever is left open goes on to the end. */
export function tokensOf(sql: string): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < sql.length) {
    const [kind, end] = tokenAt(sql, at);
    tokens.push({ kind, text: sql.slice(at, end), at });
    at = end;
  }
  return tokens;
}

/** The statements between top-level semicolons, without empty ones. */
export function statementsOf(sql: string): readonly string[] {
  const statements: string[] = [];
  let current = "";
  let meaning = false;
  for (const token of tokensOf(sql)) {
    if (token.kind === "semicolon") {
      if (meaning) statements.push(current.trim());
      current = "";
      meaning = false;
    } else {
      current += token.text;
      meaning ||= token.kind !== "blank";
    }
  }
  if (meaning) statements.push(current.trim());
  return statements;
}

/** The first word of a statement, in lower case. */
export function firstWordOf(statement: string): string {
  const token = tokensOf(statement).find((each) => each.kind !== "blank");
  return token?.kind === "word" ? token.text.toLowerCase() : (token?.text ?? "");
}

/** The names that follow a `$`, each once, in the order of their first use. */
export function placeholdersOf(statement: string): readonly string[] {
  const names = tokensOf(statement)
    .filter((token) => token.kind === "placeholder")
    .map((token) => token.text.slice(1));
  return [...new Set(names)];
}

/**
 * The statement with each `$column` as a real parameter, cast to the column's type.
 * @param typeOf gives the type's name as SQL, e.g. `bigint`
 */
export function bindPlaceholders(
  statement: string,
  typeOf: (column: string) => string,
): { text: string; columns: readonly string[] } {
  const columns = placeholdersOf(statement);
  const text = tokensOf(statement)
    .map((token) => {
      if (token.kind !== "placeholder") return token.text;
      const name = token.text.slice(1);
      return `($${columns.indexOf(name) + 1}::${typeOf(name)})`;
    })
    .join("");
  return { text, columns };
}

const blankPattern = /\s+|--[^\n\r]*/y;
const wordPattern = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const dollarQuotePattern = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const placeholderPattern = /\$[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y;
const parameterPattern = /\$\d+/y;
const numberPattern = /\d[\w.]*/y;

function tokenAt(sql: string, at: number): [SqlToken["kind"], number] {
  const blank = match(blankPattern, sql, at);
  if (blank > 0) return ["blank", blank];
  if (sql.startsWith("/*", at)) return ["blank", commentEnd(sql, at)];
  const character = sql[at];
  if (character === ";") return ["semicolon", at + 1];
  if (character === "'") return ["opaque", quoteEnd(sql, at, "'", false)];
  if (character === '"') return ["opaque", quoteEnd(sql, at, '"', false)];
  if ((character === "e" || character === "E") && sql[at + 1] === "'")
    return ["opaque", quoteEnd(sql, at + 1, "'", true)];
  if (character === "$") {
    const opened = match(dollarQuotePattern, sql, at);
    if (opened > 0) {
      const close = sql.indexOf(sql.slice(at, opened), opened);
      return ["opaque", close === -1 ? sql.length : close + opened - at];
    }
    const placeholder = match(placeholderPattern, sql, at);
    if (placeholder > 0) return ["placeholder", placeholder];
    const parameter = match(parameterPattern, sql, at);
    if (parameter > 0) return ["number-parameter", parameter];
  }
  const word = match(wordPattern, sql, at);
  if (word > 0) return ["word", word];
  const number = match(numberPattern, sql, at);
  if (number > 0) return ["other", number];
  return ["other", at + 1];
}

/** The end of the match that begins at `at`; 0 when there is none. */
function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : 0;
}

/** Block comments nest. */
function commentEnd(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    if (sql.startsWith("/*", at)) {
      depth++;
      at++;
    } else if (sql.startsWith("*/", at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}

/** A quote is doubled within itself; a backslash escapes only in E'' strings. */
function quoteEnd(sql: string, start: number, quote: string, backslash: boolean): number {
  for (let at = start + 1; at < sql.length; at++) {
    if (backslash && sql[at] === "\\") at++;
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}

/** A name as SQL; always quoted, so that capitals and reserved words are right. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
