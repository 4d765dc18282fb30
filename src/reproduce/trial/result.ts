import type { Instant } from "../../base/time.ts";
import type { Configuration } from "../scenario/configuration.ts";
import type { Rest, Settled } from "./rest.ts";

/** Something that happened in a trial, so many milliseconds after its cluster was there. */
export type Moment = Readonly<{ atMs: number; what: string }>;

/**
 * What one trial showed. `unresolved`: it could not be carried out (a server would not start with these settings, say), so
 * that it says nothing of the symptom.
 */
export type TrialResult = Readonly<{
  configuration: Configuration;
  /** 0, 1, 2, … among the trials of its configuration, in the order in which they were begun; see `series`. */
  sequence: number;
  outcome: "reproduced" | "not-reproduced" | "unresolved";
  tookMs: number;
  moments: readonly Moment[];
  at: Instant;
  /** How the cluster was at rest between its actions, where that was waited for. */
  passed?: readonly Settled[];
  /** How the cluster was at rest in the end, where that was looked at. */
  rest?: Rest;
  /** Where its logs are kept, if they are. */
  logs?: string;
  /** The lab that could not be taken down, and why. */
  leftBehind?: string;
}>;

/** Two configurations that hold the same factors have the same key. */
export function configurationKey(configuration: Configuration): string {
  return [...configuration].sort().join(" ");
}
