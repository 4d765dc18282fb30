import type { Evidence } from "../../finding/finding.ts";
import type { NodeFacts } from "../facts.ts";

/** The condition of a node in one sentence, as evidence. */
export function conditionWords(one: NodeFacts): string {
  const { condition } = one;
  switch (condition.kind) {
    case "unknown":
      return "not looked at yet";
    case "up":
      return one.pulse === undefined ? "up" : `up, ${one.pulse.role}`;
    case "down":
      return `down: ${condition.detail}`;
    case "starting":
      return `not ready: ${condition.detail}`;
    case "hanging":
      return `hangs: it ${condition.isFull ? "took connections and answered nothing; now it takes none" : "takes connections but answers nothing"} (waited ${condition.silentForMs} ms)`;
    case "unreachable":
      return `unreachable: ${condition.detail}`;
    case "refused":
      return `refuses our login: ${condition.detail}`;
  }
}

/** What became of a node, as the end of a title: `pg1 is down`. */
export function fateOf(one: NodeFacts): string {
  switch (one.condition.kind) {
    case "unknown":
      return "has not been seen yet";
    case "up":
      return "is up";
    case "down":
      return "is down";
    case "starting":
      return "is not ready";
    case "hanging":
      return "hangs";
    case "unreachable":
      return "cannot be reached";
    case "refused":
      return "refuses our login";
  }
}

export function nodeEvidence(nodes: readonly NodeFacts[]): readonly Evidence[] {
  return nodes.map((one) => ({ label: one.node, value: conditionWords(one) }));
}

export function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

export function listText(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? "";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
