import { parsedUrl } from "./address.ts";
import type { Environment } from "./home.ts";
import { hidden, learnSecret } from "./known-secrets.ts";
import { isMapping } from "./loose.ts";
import { type Path, pathText } from "./problem.ts";
import type { FollowedReference } from "./references.ts";
import { isSecretName, withoutPassword } from "./secrets.ts";

/** A text of blackstart.yaml: where it stands, as it is written, and with its references followed. */
export type FollowedText = Readonly<{
  path: Path;
  written: string;
  text: string;
  followed: readonly FollowedReference[];
}>;

/** The variables whose names say that they hold a secret; libpq, a script or a library may take them and tell them. */
export function learnFromEnvironment(environment: Environment): void {
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && isSecretName(name) && (/^PG(?:SSL)?PASSWORD/.test(name) || !looksPublic(value)))
      learnSecret(value, `\${${name}}`);
}

/**
 * Every secret of a system file: what its references lead to (a host or a path by reference is none), and the passwords
 * that are written into it. What is a name in the file is no secret: to hide it would make every message unreadable.
 */
export function learnFromFile(texts: readonly FollowedText[], data: unknown): void {
  const names = namesIn(data, texts);
  const learn = (value: string, shown: string): boolean => {
    if (names.has(value)) return false;
    learnSecret(value, shown);
    return true;
  };
  for (const { path, written, text, followed } of texts) {
    const found = followed.filter((one) => isSecretHere(one, text));
    const learned = found.filter((one) => learn(one.value, one.reference));
    // A command with a secret that is too short to be looked for alone is looked for as a whole.
    if (learned.length > 0 && written !== found[0]?.reference && !isAddress(text)) learnSecret(text, written);
    for (const [index, value] of passwordsIn(text).entries())
      learn(value, `\${${pathText(path)} password ${index + 1}}`);
  }
}

function isSecretHere({ reference, value, encoded }: FollowedReference, text: string): boolean {
  if (value === "") return false;
  if (isAddress(text) && !withoutPassword(text).includes(encoded)) return true;
  const source = reference.replace(/^\$\{|\}$/g, "");
  if (isSecretName(source.split(":-", 1)[0] ?? "")) return true;
  if (isAddress(text)) return false;
  return source.startsWith("file:") || !looksPublic(value);
}

/** A path, an address, a number, a plain word: what configuration refers to besides secrets. */
function looksPublic(value: string): boolean {
  return /^(?:[~.]{0,2}\/.*|[\d.:,]{1,15}|(?:[a-z0-9_-]+\.)+[a-z0-9-]+(?::\d+)?|[a-z]+(?:-[a-z]+)*|true|false)$/is.test(
    value,
  );
}

function isAddress(text: string): boolean {
  return /^\s*(?:[a-z][a-z0-9+.-]*:)+\/\//i.test(text);
}

/** Passwords written into a text: of addresses, of connection strings, behind `Authorization:`. */
function passwordsIn(text: string): readonly string[] {
  const urls = [...text.matchAll(/[a-z][a-z0-9+.-]{0,40}:\/\/[^\s"'<>`]+/gi)].flatMap(([url]) => {
    const parsed = parsedUrl(url);
    if (parsed === undefined) return [];
    const inQuery = [...parsed.searchParams].filter(([name]) => isSecretName(name)).map(([, value]) => value);
    return [decodeURIComponent(parsed.password), ...inQuery];
  });
  const isConninfo = /\b(?:host|hostaddr|dbname|user|port|service|passfile)\s*=\s*\S/.test(text);
  const keyword = /\b(?:ssl)?password\s*=\s*(?:'((?:\\[\s\S]|[^'\\])*)'|((?:\\[\s\S]|[^\s\\'"])+))/gi;
  const inConninfo = isConninfo
    ? [...text.matchAll(keyword)].map(([, quoted, bare]) => (quoted ?? bare ?? "").replace(/\\([\s\S])/g, "$1"))
    : [];
  const headers = [...text.matchAll(/\bauthorization["']?\s*:\s*(?:[a-z]+ +)?([^\s"',;$]+)/gi)].map(
    ([, value]) => value ?? "",
  );
  return [...urls, ...inConninfo, ...headers].filter((value) => value !== "" && value !== hidden);
}

/** Keys of the file, and the users, hosts and databases of its addresses. */
function namesIn(data: unknown, texts: readonly FollowedText[]): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    if (!isMapping(value)) return;
    for (const [key, item] of Object.entries(value)) {
      names.add(key);
      walk(item);
    }
  };
  walk(data);
  for (const { text } of texts) {
    const url = isAddress(text) ? parsedUrl(text) : undefined;
    if (url === undefined) continue;
    for (const name of [url.username, url.hostname, url.pathname.slice(1)]) names.add(decodeURIComponent(name));
  }
  return names;
}
