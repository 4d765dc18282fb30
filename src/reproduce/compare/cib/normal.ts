import { timeMs } from "../../../drivers/pacemaker/time-units.ts";
/*
 * Pacemaker takes the same thing in many spellings, and tools write different ones; here each is one. From its
 * documentation (“Pacemaker Explained”) and score.c, strings.c, and the upgrades of older schemas. Pure.
 */

/** `inf`, `+INFINITY` and 1000000 are INFINITY; a score that is not given is 0, of a colocation INFINITY. */
export function scoreText(score: string | undefined, ifMissing = "0"): string {
  if (score === undefined || score === "") return ifMissing;
  const sign = score.startsWith("-") ? "-" : "";
  const bare = score.replace(/^[+-]/, "");
  if (/^inf(inity)?$/i.test(bare) || Number(bare) >= 1_000_000) return `${sign}INFINITY`;
  return /^\d+$/.test(bare) ? `${sign === "-" && Number(bare) > 0 ? "-" : ""}${Number(bare)}` : score;
}

/** The old names of the roles; Started says nothing, for a resource is started where nothing else is said. */
export function roleText(role: string | undefined): string | undefined {
  switch (role?.toLowerCase()) {
    case undefined:
    case "":
    case "started":
      return undefined;
    case "master":
      return "Promoted";
    case "slave":
      return "Unpromoted";
    default:
      return role;
  }
}

/** `60`, `60s` and `1min` are the same; ISO 8601 durations stay as they are. */
export function timeText(time: string): string {
  const ms = timeMs(time);
  if (ms === undefined) return time;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** The value of a property, a meta attribute or an attribute of an operation, by its name. */
export function valueText(name: string, value: string): string {
  if (/timeout|interval|delay|deadtime|recheck/.test(name)) return timeText(value);
  if (/score|stickiness|threshold/.test(name)) return scoreText(value);
  if (name.endsWith("role")) return roleText(value) ?? "Started";
  // `stonith-action=off` is an action, not a no.
  if (/action|policy/.test(name)) return value;
  if (/^(yes|on|y|true)$/i.test(value)) return "true";
  return /^(no|off|n|false)$/i.test(value) ? "false" : value;
}

const renamed: Readonly<Record<string, string>> = {
  "master-max": "promoted-max",
  "master-node-max": "promoted-node-max",
  "crmd-integration-timeout": "join-integration-timeout",
  "crmd-finalization-timeout": "join-finalization-timeout",
  "crmd-transition-delay": "transition-delay",
};

/** What older versions call otherwise: Pacemaker 2 says promoted where 1.1 said master. */
export function nameText(name: string): string {
  return renamed[name] ?? name;
}
