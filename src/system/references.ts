import { messageOf } from "../base/error.ts";
import type { Environment } from "./home.ts";

/*
 * References in the texts of blackstart.yaml, followed after the YAML was read (so what a variable holds can never
 * change the structure of the file), in values only, never in keys:
 *
 *   ${NAME}              the environment variable; it must be set
 *   ${NAME:-otherwise}   the same, or `otherwise` where it is not set or empty
 *   ${file:/run/pw}      what the file holds, without the line end at its end
 *   file:/run/pw         the same, for a whole value
 *   $${                  the characters `${`; every other `$` stands for itself (SQL's $1, $column and $$-quotes)
 *
 * A path that is not absolute starts at the folder of blackstart.yaml. In the user and password part of a url, and in its
 * query part, what comes out of a reference is percent-encoded: a variable holds the password as it is.
 */

export type ReferenceContext = Readonly<{
  environment: Environment;
  /** Takes the path as written. Throws when the file cannot be read. */
  readFile(path: string): string;
}>;

/** A reference that leads nowhere, as written (`${PGPASSWORD}`), and why. `syntax`: it is none at all. */
export type BrokenReference = Readonly<{ reference: string; message: string; kind: "missing" | "syntax" }>;

/** Where a reference led, as written, and as it stands in the text (percent-encoded where a url needs it). */
export type FollowedReference = Readonly<{ reference: string; value: string; encoded: string }>;

export type Expanded = Readonly<{
  text: string;
  broken: readonly BrokenReference[];
  followed: readonly FollowedReference[];
}>;

type Token = Readonly<{ kind: "literal"; text: string } | { kind: "reference"; source: string; inner: string }>;

export function expandReferences(text: string, context: ReferenceContext): Expanded {
  const broken: BrokenReference[] = [];
  const followed: FollowedReference[] = [];
  const follow = (source: string, inner: string, isEncoded: boolean): string => {
    const found = valueOf(inner, context);
    if (typeof found !== "string") {
      broken.push({ reference: source, ...found });
      return "";
    }
    const encoded = isEncoded ? encodeURIComponent(found) : found;
    followed.push({ reference: source, value: found, encoded });
    return encoded;
  };
  if (/^file:[^\s]/.test(text)) return { text: follow(text, text, false), broken, followed };
  const tokens = tokensOf(text);
  const encoded = encodedPositions(tokens);
  const parts = tokens.map((token, index) => {
    return token.kind === "literal" ? token.text : follow(token.source, token.inner, encoded.has(index));
  });
  return { text: parts.join(""), broken, followed };
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let last = 0;
  for (const match of text.matchAll(/\$\$\{|\$\{([^}]*)\}?/g)) {
    tokens.push({ kind: "literal", text: text.slice(last, match.index) });
    tokens.push(
      match[1] === undefined
        ? { kind: "literal", text: "${" }
        : { kind: "reference", source: match[0], inner: match[0].endsWith("}") ? match[1] : "" },
    );
    last = match.index + match[0].length;
  }
  tokens.push({ kind: "literal", text: text.slice(last) });
  return tokens;
}

/**
 * Which references stand where a url must be percent-encoded. Each reference counts as one letter here, so an `@` in a
 * password that is referred to never moves the borders.
 */
function encodedPositions(tokens: readonly Token[]): ReadonlySet<number> {
  const skeleton = tokens.map((token) => (token.kind === "literal" ? token.text : "x")).join("");
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(skeleton)?.[0].length;
  if (scheme === undefined) return new Set();
  const authorityEnd = skeleton.slice(scheme).search(/[/?#]/);
  const at = skeleton.slice(0, authorityEnd === -1 ? undefined : scheme + authorityEnd).lastIndexOf("@");
  const query = skeleton.indexOf("?");
  const positions = new Set<number>();
  let offset = 0;
  for (const [index, token] of tokens.entries()) {
    const isEncoded = (offset >= scheme && offset < at) || (query !== -1 && offset > query);
    if (token.kind === "reference" && isEncoded) positions.add(index);
    offset += token.kind === "literal" ? token.text.length : 1;
  }
  return positions;
}

function valueOf(inner: string, context: ReferenceContext): string | Omit<BrokenReference, "reference"> {
  if (inner.startsWith("file:")) return fileValue(inner.slice("file:".length).replace(/^\/\/(?=\/)/, ""), context);
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inner);
  if (match?.[1] === undefined)
    return {
      kind: "syntax",
      message: "is no reference; write ${NAME}, ${NAME:-otherwise}, ${file:/path}, or $${ for these two characters",
    };
  const value = context.environment[match[1]];
  if (match[2] !== undefined) return value ? value : match[2];
  return value ?? { kind: "missing", message: `the environment variable ${match[1]} is not set` };
}

function fileValue(path: string, context: ReferenceContext): string | Omit<BrokenReference, "reference"> {
  try {
    return context.readFile(path).replace(/\r?\n$/, "");
  } catch (error) {
    return { kind: "missing", message: `the file ${path} cannot be read (${reasonOf(error)})` };
  }
}

function reasonOf(error: unknown): string {
  switch ((error as { code?: string }).code) {
    case "ENOENT":
      return "it does not exist";
    case "EACCES":
      return "no permission";
    case "EISDIR":
      return "it is a directory";
    default:
      return messageOf(error);
  }
}
