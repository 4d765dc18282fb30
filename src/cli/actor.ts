import { userInfo } from "node:os";
import type { Environment } from "../system/home.ts";
import type { Actor } from "../timeline/timeline.ts";

/** Who sits at the terminal. Behind sudo it is who called it, not root: the timeline is about people. */
export function personName(given: string | undefined, environment: Environment): string {
  const names = [given, environment.BLACKSTART_USER, environment.SUDO_USER, environment.USER];
  return names.find((name) => name !== undefined && name.trim() !== "")?.trim() ?? loginName();
}

export function personActor(name: string): Actor {
  return `person:${name}`;
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`; // A user without an entry in passwd, as in many containers.
  }
}
