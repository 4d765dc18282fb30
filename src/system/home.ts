import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Where Blackstart keeps what it must remember: the timeline (`timeline.db`), the labs, the kept write-ahead logs.
 * `$BLACKSTART_HOME`, or the platform's state directory (XDG Base Directory Specification 0.8 on Linux). It is not made
 * here.
 */
export function blackstartHome(environment: Environment = process.env, platform: string = process.platform): string {
  const own = environment.BLACKSTART_HOME;
  if (own) return resolve(own);
  const home = environment.HOME || homedir();
  switch (platform) {
    case "darwin":
      return join(home, "Library", "Application Support", "blackstart");
    case "win32":
      return join(environment.LOCALAPPDATA || join(home, "AppData", "Local"), "blackstart");
    default:
      // The specification says to ignore a path that is not absolute.
      return join(
        environment.XDG_STATE_HOME?.startsWith("/") ? environment.XDG_STATE_HOME : join(home, ".local", "state"),
        "blackstart",
      );
  }
}

export function timelineFile(home: string): string {
  return join(home, "timeline.db");
}

/** The variables of a process, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;
