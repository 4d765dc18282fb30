import type { Json } from "../base/json.ts";
import { hidden, withKnownSecrets, withoutKnownSecrets } from "./known-secrets.ts";
import { withoutPasswords } from "./secrets.ts";

/*
 * What everything goes through that is stored (the timeline), printed (the output of the commands) or answered (the API).
 * It stands at these three places, and nowhere else: who makes a text need not think of what is in it.
 */

/** The text without the secrets that are known, and without what looks like one. The same again changes nothing. */
export function scrub(text: string): string {
  return withoutPasswords(withoutKnownSecrets(text));
}

/**
 * The same for data. What stands under `parameters` (of a plan's step) is carried out later: there only what is known is
 * taken out, and `withSecrets` puts it in again.
 */
export function scrubbed<T extends Json | undefined>(value: T): T {
  return walk(value, scrub) as T;
}

/** The parameters of a step as they are carried out. */
export function withSecrets<T extends Json>(value: T): T {
  return mapped(value, withKnownSecrets) as T;
}

function walk(value: Json | undefined, by: (text: string) => string, key = ""): Json | undefined {
  if (typeof value === "string") return by === scrub && isPassword(key) && value !== "" ? hidden : by(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => walk(item, by, key) as Json);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      withoutKnownSecrets(name),
      walk(item, name === "parameters" ? withoutKnownSecrets : by, name) as Json,
    ]),
  );
}

function mapped(value: Json, by: (text: string) => string): Json {
  if (typeof value === "string") return by(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => mapped(item, by));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, by)]));
}

function isPassword(key: string): boolean {
  return /^(?:pg|ssl)?(?:password|passwd|pass|pwd)$/i.test(key);
}
