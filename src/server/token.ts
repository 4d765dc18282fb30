import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BlackstartError, messageOf } from "../base/error.ts";
import { learnSecret } from "../system/known-secrets.ts";

export function tokenFile(home: string): string {
  return join(home, "token");
}

/** The secret that allows writing, from `<home>/token` (0600); made when it is not there yet. */
export async function loadToken(home: string): Promise<string> {
  const file = tokenFile(home);
  try {
    const token = (await readToken(file)) ?? (await makeToken(home, file));
    learnSecret(token);
    return token;
  } catch (error) {
    if (error instanceof BlackstartError) throw error;
    throw new BlackstartError("STORE_UNUSABLE", {
      what: `The token in ${file} cannot be read or made: ${messageOf(error)}`,
      why: "The API needs it, so that not everybody on this machine may change things.",
      next: "See that the folder belongs to you; or remove the file, and a new token is made.",
      cause: error,
    });
  }
}

async function readToken(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const token = text.trim();
  if (token.length < 32) throw new Error("it is too short to be a secret");
  await chmod(file, 0o600);
  return token;
}

/** Written beside and linked into place: whoever comes second finds a whole token, and takes that one. */
async function makeToken(home: string, file: string): Promise<string> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const token = randomBytes(32).toString("base64url");
  const beside = `${file}.${randomBytes(6).toString("hex")}`;
  await writeFile(beside, `${token}\n`, { mode: 0o600, flag: "wx" });
  try {
    await link(beside, file);
    return token;
  } catch (error) {
    const theirs = (error as NodeJS.ErrnoException).code === "EEXIST" ? await readToken(file) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  } finally {
    await rm(beside, { force: true });
  }
}

/** Takes as long for a wrong token as for the right one, however much of it is right. */
export function isToken(given: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
