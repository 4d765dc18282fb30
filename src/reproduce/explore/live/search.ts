import { type Rest, troublesOf } from "../../trial/rest.ts";
import { type Step, stepsFrom, type Tried } from "./faults.ts";
import { inParallel } from "./pool.ts";
import { stateKey } from "./state.ts";

/** A state at rest, and the shortest sequence of faults that led to it. */
export type Reached = Readonly<{ rest: Rest; faults: readonly Step[] }>;

/** A sequence that could not be carried out, and why. */
export type Failed = Readonly<{ faults: readonly Step[]; why: string }>;

export type LiveExploration = Readonly<{
  reached: readonly Reached[];
  failed: readonly Failed[];
  trials: number;
  /** So many of the faults were searched to the end. */
  depth: number;
  /** Why it ended before its time. */
  ended?: "interrupted" | "states" | "trials";
}>;

/** What came of a sequence; `after`: it was blocked already when it had come so far. */
export type TriedOut = Readonly<{ rest: Rest; after?: number }> | Readonly<{ why: string }>;

export type LiveSearchOptions = Readonly<{
  tried: Tried;
  /**
   * Carries out a sequence on a fresh cluster. Throws when it is aborted.
   * @param from where all of it but the last fault led to
   */
  tryOut(faults: readonly Step[], from: Rest | undefined): Promise<TriedOut>;
  faultsMax: number;
  statesMax: number;
  trialsMax: number;
  /** So many trials at once. */
  jobs: number;
  signal: AbortSignal;
  /** Told of each sequence when it is begun, and how many there are of its length; and of each new state. */
  onBegin?(faults: readonly Step[], of: number): void;
  onReached?(reached: Reached): void;
}>;

type Next = Readonly<{ faults: readonly Step[]; from: Rest | undefined }>;

/**
 * All states that at most `faultsMax` faults lead to, breadth first. Of sequences that lead to the same state the first is
 * extended, and a state that is in trouble is not: what follows it follows an outage.
 */
export async function searchLive(options: LiveSearchOptions): Promise<LiveExploration> {
  const { tried, tryOut, onBegin, faultsMax, statesMax, trialsMax, signal } = options;
  const known = new Set<string>();
  const reached: Reached[] = [];
  const failed: Failed[] = [];
  let trials = 0;
  let level: readonly Next[] = [{ faults: [], from: undefined }];
  for (let depth = 0; ; depth += 1) {
    const room = level.slice(0, trialsMax - trials);
    const results = await inParallel(room, options, ({ faults, from }) => {
      onBegin?.(faults, room.length);
      return tryOut(faults, from);
    });
    const frontier: Reached[] = [];
    for (const [index, { faults }] of room.entries()) {
      const result = results[index];
      if (result === undefined) continue;
      trials += 1;
      if ("why" in result) {
        failed.push({ faults, why: result.why });
        continue;
      }
      const key = stateKey(result.rest, tried.manager);
      if (known.has(key)) continue;
      known.add(key);
      const state = { rest: result.rest, faults: faults.slice(0, result.after) };
      reached.push(state);
      options.onReached?.(state);
      if (troublesOf(result.rest).length === 0) frontier.push(state);
    }
    const found = { reached, failed, trials, depth };
    if (signal.aborted) return { ...found, ended: "interrupted" };
    if (room.length < level.length) return { ...found, ended: "trials" };
    if (depth === faultsMax || frontier.length === 0) return { ...found, depth: faultsMax };
    if (reached.length >= statesMax) return { ...found, ended: "states" };
    level = frontier.flatMap(({ rest, faults }) =>
      stepsFrom(rest, tried).map((step) => ({ faults: [...faults, step], from: rest })),
    );
  }
}
