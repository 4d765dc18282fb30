import type { Json, JsonObject } from "../../base/json.ts";
import { type Element, formatTree, parseTree } from "../../drivers/pacemaker/element-tree.ts";
import { parseConninfo } from "../../drivers/postgres/conninfo.ts";
import { hidden } from "../../system/known-secrets.ts";
import { isSecretName, withoutPasswords } from "../../system/secrets.ts";

/*
 * What a capture may not hold, taken out by rule. By the name: whatever is called a password, a token or the like. By
 * the place: what stands behind `-u`, in an address, in an Authorization header. By the looks: keys of known shapes, and
 * long words that look drawn by chance. By being known: the passwords with which we came in. It rather hides too much.
 */

/** The value of a PostgreSQL setting, whichever it is. */
export function settingWithoutSecrets(name: string, value: string): string {
  // What it prints is the secret; `echo secret` is what is found there.
  if (value === "" || value === "(disabled)") return value;
  if (name === "ssl_passphrase_command" || isSecretName(name)) return hidden;
  if (/conninfo/.test(name)) return conninfoWithoutSecrets(value);
  return textWithoutSecrets(value);
}

/** What libpq could not understand is not shown: a password might be in it. */
function conninfoWithoutSecrets(text: string): string {
  try {
    return Object.entries(parseConninfo(text))
      .filter(([name]) => !isSecretName(name))
      .map(([name, value]) => `${name}=${/^[^\s'\\]+$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`}`)
      .join(" ");
  } catch {
    return hidden;
  }
}

/** A command line, a message, a list: whatever text may hold a secret somewhere. */
export function textWithoutSecrets(text: string): string {
  const named = withoutValues(withoutValues(withoutPasswords(text), assignment), optionWithWord);
  return named
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, hidden)
    .replace(headerWithSecret, `$1${hidden}`)
    .replace(/(\s(?:-u|--user|--proxy-user)[\s=]*["']?[^\s:"']+:)[^\s"']+/g, `$1${hidden}`)
    .replace(/(\bsshpass\s+-p\s*)("[^"]*"|'[^']*'|\S+)/g, `$1${hidden}`)
    .replace(knownShape, hidden)
    .replace(/[A-Za-z0-9+_=-]{20,}/g, (word) => (looksDrawnByChance(word) ? hidden : word));
}

const headerWithSecret = /((?:authorization|cookie|x-[\w-]*(?:key|token|auth)[\w-]*)\s*:\s*)[^"'\n]+/gi;

/** `NAME=`, `--name=`, `"name":` */
const assignment = /([A-Za-z][\w.-]*)["']?\s*[=:]\s*/g;

/** `--name value` */
const optionWithWord = /(?<=(?:^|\s)--?)([A-Za-z][\w.-]*)\s+(?=[^\s-])/g;

const valueThere = /"[^"]*"?|'[^']*'?|[^\s,;&|)}\]"']+/y;

/** Hides the value behind each secret name; behind another name the search goes on within its value. */
function withoutValues(text: string, names: RegExp): string {
  let shown = "";
  let from = 0;
  for (const match of text.matchAll(names)) {
    if (match.index < from || !isSecretName(match[1] ?? "")) continue;
    valueThere.lastIndex = match.index + match[0].length;
    if (valueThere.exec(text) === null) continue;
    shown += `${text.slice(from, match.index)}${match[0]}${hidden}`;
    from = valueThere.lastIndex;
  }
  return shown + text.slice(from);
}

/** Amazon's access keys, GitHub's, GitLab's, Slack's and Stripe's tokens, JSON web tokens. */
const knownShape =
  /\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|[sr]k_(?:live|test)_\w{10,}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?)/g;

function looksDrawnByChance(word: string): boolean {
  if (/^[0-9a-f]{32,}$/i.test(word)) return true;
  return /[a-z]/.test(word) && /[A-Z]/.test(word) && (word.match(/\d/g)?.length ?? 0) >= 2;
}

/**
 * A tree of another program's configuration (Patroni's, Corosync's), by the names of its leaves. Below a secret name
 * nothing is shown, but for `authentication`, which holds user names next to passwords.
 */
export function treeWithoutSecrets(value: unknown, name = ""): Json {
  if (Array.isArray(value)) return value.map((item) => treeWithoutSecrets(item, name));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, treeWithoutSecrets(item, isSecretName(name) ? name : key)]),
    );
  if (value === null || value === undefined) return null;
  if (isSecretName(name)) return hidden;
  if (typeof value === "string") return settingWithoutSecrets(name, value);
  return typeof value === "number" || typeof value === "boolean" ? value : String(value as bigint);
}

/** A CIB as text again. Throws what `parseTree` throws. */
export function cibWithoutSecrets(xml: string): string {
  return formatTree(elementWithoutSecrets(parseTree(xml)));
}

/** An `nvpair` has its secret in `value`, and its name in `name`; a value may be a whole conninfo or a command. */
function elementWithoutSecrets(element: Element): Element {
  const { name: pair = "" } = element.attributes;
  const attributes = Object.fromEntries(
    Object.entries(element.attributes).map(([name, value]) => {
      if (name === "value") return [name, isSecretName(pair) ? hidden : textWithoutSecrets(value)];
      return [name, isSecretName(name) ? hidden : value];
    }),
  );
  return { ...element, attributes, children: element.children.map(elementWithoutSecrets) };
}

/** Takes the secrets that are known out of every value, whatever the rules made of it. Names stay. */
export function withoutKnown<T extends JsonObject>(tree: T, secrets: readonly string[]): T {
  const clean = (value: Json): Json => {
    if (typeof value === "string") return secrets.reduce((text, secret) => text.replaceAll(secret, hidden), value);
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clean(item)]));
  };
  return secrets.length === 0 ? tree : (clean(tree) as T);
}
