/*
 * The secrets that this process holds, so that none of them is stored, printed or answered, wherever it turns up: in the
 * text of an error, in the output of somebody's script, in a title. There is one list for the whole process: whatever it
 * says may hold any secret that it knows. `secrets.ts` hides by form what is not known.
 *
 * A secret is shown as the reference by which blackstart.yaml names it (`${TOKEN}`). So a stored plan can be read, and
 * its parameters can be filled in again when it is carried out (`withSecrets`), maybe by another process.
 */

/** Stands where a secret stood that no reference names. */
export const hidden = "…";

type Known = Readonly<{ value: string; shown: string; wholeWord: boolean }>;

/** More than that is no configuration; nothing in it would be scrubbed in time. */
const knownMax = 2000;
/** So few characters are found everywhere. What holds them is hidden by its form alone, or as a whole. */
const charactersMin = 4;
/** Shorter ones are hidden as whole words only: they may be a part of something harmless. */
const charactersAnywhere = 8;

/** Passwords that people take, and words that everything is full of: to hide them would shred the text. */
const everyday: ReadonlySet<string> = new Set([
  ...["database", "host", "localhost", "user", "postgres", "postgresql", "redis", "blackstart", "public"],
  ...["primary", "standby", "replica", "replicator", "replication", "password", "secret", "secrets", "token"],
  ...["true", "false", "none", "null"],
]);

const known = new Map<string, Known>();
let pattern: RegExp | undefined;

/** @param shown stands in its place; a reference (`${TOKEN}`) is filled in again by `withSecrets` */
export function learnSecret(value: string, shown: string = hidden): void {
  if (value.length < charactersMin || everyday.has(value.toLowerCase()) || value.includes(hidden)) return;
  for (const form of formsOf(value)) {
    if (known.has(form) || known.size >= knownMax) continue;
    known.set(form, { value, shown, wholeWord: value.length < charactersAnywhere });
    pattern = undefined;
  }
}

/** How the same secret looks in a url, in JSON, in an SQL literal and in a conninfo. */
function formsOf(value: string): ReadonlySet<string> {
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    value.replaceAll("'", "''"),
    value.replace(/[\\']/g, "\\$&"),
    value.replace(/[\\']/g, "\\$&").replaceAll("'", "''"),
  ];
  // What is no well-formed text cannot stand in a url.
  if (value.isWellFormed()) {
    const encoded = encodeURIComponent(value);
    forms.push(
      encoded,
      encoded.replace(/%../g, (code) => code.toLowerCase()),
      new URLSearchParams({ v: value }).toString().slice(2),
    );
  }
  return new Set(forms);
}

export function withoutKnownSecrets(text: string): string {
  if (known.size === 0 || text === "") return text;
  pattern ??= patternOf([...known]);
  return text.replace(pattern, (form) => known.get(form)?.shown ?? hidden);
}

/** The longest first: one secret may begin with another. */
function patternOf(secrets: readonly (readonly [string, Known])[]): RegExp {
  const alternatives = secrets
    .toSorted(([a], [b]) => b.length - a.length)
    .map(([form, { wholeWord }]) => {
      const literal = form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
      return wholeWord ? `(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])` : literal;
    });
  return new RegExp(alternatives.join("|"), "gu");
}

/** The opposite, for what is about to be done: each reference that a secret is shown as becomes the secret again. */
export function withKnownSecrets(text: string): string {
  if (!text.includes("${")) return text;
  const named = new Map(
    [...known.values()].filter(({ shown }) => shown !== hidden).map((one) => [one.shown, one.value]),
  );
  const longestFirst = [...named].toSorted(([a], [b]) => b.length - a.length);
  return longestFirst.reduce((filled, [shown, value]) => filled.replaceAll(shown, () => value), text);
}
