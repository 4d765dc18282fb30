import type { z } from "zod";
import { nearest } from "../base/nearest.ts";
import type { Path, Report } from "./problem.ts";

/**
 * Reports what the schema found, in words. Never the value itself: it may have come from a reference.
 * @param data what was checked, to tell what is missing from what is wrong
 * @param keysAt the keys that may stand at a path of the file
 */
export function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  data: unknown,
  keysAt: (path: Path) => readonly string[],
  report: Report,
): void {
  for (const issue of issues) {
    const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
    explain(issue, path, data, keysAt, report);
  }
}

function explain(
  issue: z.core.$ZodIssue,
  path: Path,
  data: unknown,
  keysAt: (path: Path) => readonly string[],
  report: Report,
): void {
  switch (issue.code) {
    case "unrecognized_keys":
      for (const key of issue.keys) {
        const near = nearest(key, keysAt(path));
        const known = near === undefined ? `; known here: ${keysAt(path).join(", ")}` : "";
        report(
          [...path, key],
          `unknown key${known}`,
          near === undefined ? { on: "key" } : { on: "key", nearest: near },
        );
      }
      return;
    case "invalid_type":
      return report(path, typeMessage(issue, path, data), at(data, path) === undefined ? { on: "parent" } : {});
    case "invalid_value": {
      const value = at(data, path);
      const near = typeof value === "string" ? nearest(value, issue.values.map(String)) : undefined;
      return report(
        path,
        `must be one of ${issue.values.join(", ")}`,
        near === undefined || near === value ? {} : { nearest: near },
      );
    }
    case "invalid_key":
      return report(path, issue.issues[0]?.message ?? "is no name", { on: "key" });
    case "too_small":
      return report(path, `must be at least ${issue.minimum}`);
    case "too_big":
      return report(path, `must be at most ${issue.maximum}`);
    case "invalid_format":
    case "custom":
    case "invalid_union":
    case "invalid_element":
    case "not_multiple_of":
      return report(path, issue.message);
  }
}

function typeMessage(issue: { expected: string; message: string }, path: Path, data: unknown): string {
  const value = at(data, path);
  if (value === undefined) return "is missing";
  if (value === null) return "has no value";
  // A message of the schema's own is better than ours.
  if (!issue.message.startsWith("Invalid input")) return issue.message;
  const wanted = words[issue.expected] ?? issue.expected;
  const isBare = issue.expected === "string" && (typeof value === "number" || typeof value === "boolean");
  return `must be ${wanted}, not ${kindOf(value)}${isBare ? ` (write it in quotes: "${value}")` : ""}`;
}

const words: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping (key: value)",
  record: "a mapping (name: …)",
  array: "a list",
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  switch (typeof value) {
    case "object":
      return "a mapping";
    case "string":
      return "a text";
    case "boolean":
      return "true or false";
    default:
      return `a ${typeof value}`;
  }
}

function at(data: unknown, path: Path): unknown {
  let here: unknown = data;
  for (const part of path) here = (here as Record<string | number, unknown> | null | undefined)?.[part];
  return here;
}
