import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Where Blackstart keeps what it must remember: the timelines, the labs, the before-images of repairs.
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

/**
 * Each system has a timeline of its own: two that call a cluster alike must not share its plans, its lease, or what was
 * seen of it.
 * @param system its name
 */
export function timelineFile(home: string, system: string): string {
  return join(timelinesFolder(home), `${system}${timelineSuffix}`);
}

/** The names of the systems that have a timeline here. */
export function systemsWithTimeline(home: string): readonly string[] {
  try {
    const files = readdirSync(timelinesFolder(home));
    return files.filter((file) => file.endsWith(timelineSuffix)).map((file) => file.slice(0, -timelineSuffix.length));
  } catch {
    return []; // None was made yet; what cannot be read is told when it is opened.
  }
}

const timelineSuffix = ".db";

function timelinesFolder(home: string): string {
  return join(home, "timelines");
}

/** The variables of a process, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;
