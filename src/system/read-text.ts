import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { BlackstartError, messageOf } from "../base/error.ts";

/**
 * The text of a file of at most `bytesMax` bytes, without a byte order mark; undefined when it is larger. What is no
 * UTF-8 becomes U+FFFD. Throws SYSTEM_FILE_MISSING when it cannot be read.
 */
export async function readText(file: string, bytesMax: number): Promise<string | undefined> {
  try {
    await using handle = await open(file, "r");
    // Read up to the limit and one byte more, whatever the size is said to be: a pipe says 0.
    const buffer = Buffer.alloc(bytesMax + 1);
    for (let length = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (length > bytesMax) return undefined;
      if (bytesRead === 0) return buffer.toString("utf8", 0, length).replace(/^\uFEFF/, "");
    }
  } catch (error) {
    throw new BlackstartError("SYSTEM_FILE_MISSING", {
      what: `${file} cannot be read: ${messageOf(error)}`,
      ...((error as NodeJS.ErrnoException).code === "ENOENT"
        ? { why: "There is no such file.", next: "Look at the name, and where you are." }
        : {
            why: "The file is there, but this user cannot read it.",
            next: "Give the user of this command the right to read it.",
          }),
      cause: error,
    });
  }
}

/** A `file:` reference is to a password or an address; nobody has longer ones. */
const secretBytesMax = 64 * 1024;

/** What a `file:` reference refers to. Throws when it cannot be read or is too long to be a secret. */
export function readSecret(path: string): string {
  const text = readFileSync(path, "utf8");
  if (Buffer.byteLength(text) > secretBytesMax) throw new Error(`it is larger than ${secretBytesMax / 1024} KiB`);
  return text;
}
