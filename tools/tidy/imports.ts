import { posix } from "node:path";
import { type Source, withoutComments } from "./source.ts";

export type Import = Readonly<{ from: string; line: number; specifier: string; to: string | undefined }>;

/**
 * Every import of a file: static and dynamic, of types as well, re-exports, and files that are loaded by their url
 * (workers, programs). `to` is the path from the root, for imports within the project.
 */
export function importsOf({ path, text }: Source): readonly Import[] {
  const code = withoutComments(text);
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)["']([^"'\n]+)["']/g;
  return [...code.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? "";
    return {
      from: path,
      line: code.slice(0, match.index).split("\n").length,
      specifier,
      to: specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined,
    };
  });
}
