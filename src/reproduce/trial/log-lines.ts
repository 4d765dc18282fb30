import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const newline = 10;

/**
 * Reads on in a log: answers each time with what was not yet read, the last line also where it is not finished, which then
 * comes again. One that was made anew is read from its beginning; one that is not there (yet) is empty.
 */
export function readingOn(file: string): () => string {
  let read = 0;
  return () => {
    const log = openIfThere(file);
    if (log === undefined) return "";
    try {
      const { size } = fstatSync(log);
      if (size < read) read = 0;
      const more = Buffer.alloc(size - read);
      const text = more.subarray(0, readSync(log, more, 0, more.length, read));
      read += text.lastIndexOf(newline) + 1;
      return text.toString("utf8");
    } finally {
      closeSync(log);
    }
  };
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // A server that never started wrote none.
    throw error;
  }
}
