import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BlackstartError, messageOf } from "../base/error.ts";
import type { Environment } from "../system/home.ts";
import { canReach, serverAccount } from "./account.ts";

/**
 * Where labs keep what all of them share and what can be made again: templates, a usable copy of the npm-shipped
 * PostgreSQL, the claims on ports. It must be reachable by the account that runs the servers, which root's own home
 * often is not; so root's is `/var/cache/blackstart`. `$BLACKSTART_CACHE` overrides.
 */
export function cacheDirectory(environment: Environment = process.env): string {
  const refused: string[] = [];
  for (const folder of candidates(environment)) {
    const why = unusable(folder);
    if (why === undefined) return realpathSync(folder);
    refused.push(`${folder}: ${why}`);
  }
  throw new BlackstartError("LAB_FAILED", {
    what: "There is no folder for the lab's cache.",
    why: refused.join("; "),
    next: "Set BLACKSTART_CACHE to a folder that is yours and that every account can enter.",
  });
}

function candidates(environment: Environment): readonly string[] {
  if (environment.BLACKSTART_CACHE) return [resolve(environment.BLACKSTART_CACHE)];
  const uid = process.getuid?.() ?? 0;
  const temporary = join(tmpdir(), `blackstart-cache-${uid}`);
  if (uid === 0) return ["/var/cache/blackstart", temporary];
  const base = environment.XDG_CACHE_HOME?.startsWith("/")
    ? environment.XDG_CACHE_HOME
    : join(environment.HOME || homedir(), ".cache");
  return [join(base, "blackstart"), temporary];
}

/** Programs are run out of here: a folder that somebody else made or may write to is not ours to trust. */
function unusable(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const { uid, mode } = lstatSync(realpathSync(folder));
    const self = process.getuid?.();
    if (lstatSync(folder).isSymbolicLink()) return "it is a symbolic link";
    if (self !== undefined && uid !== self) return "it belongs to somebody else";
    if ((mode & 0o022) !== 0) return "others may write to it";
    if (!canReach(folder, serverAccount())) return "the account that runs the servers cannot enter it";
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
