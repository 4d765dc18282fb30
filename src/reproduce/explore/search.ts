import { applyFault, type Fault, faultsOf } from "./faults.ts";
import type { Settler } from "./settle.ts";
import { keyOf, type State } from "./state.ts";

/** A state at rest, and the shortest sequence of faults that leads to it. */
export type Reached = Readonly<{ state: State; faults: readonly Fault[] }>;

/** A sequence after which the cluster goes round in circles, and what moves. */
export type Restless = Readonly<{ faults: readonly Fault[]; moving: readonly string[] }>;

export type Exploration = Readonly<{
  reached: readonly Reached[];
  restless: readonly Restless[];
  /** All that k faults lead to was seen; otherwise the search ended early. */
  complete: boolean;
}>;

export type SearchOptions = Readonly<{
  settler: Settler;
  initial: State;
  faultsMax: number;
  statesMax: number;
  signal?: AbortSignal | undefined;
  progress?: (states: number, faults: number) => void;
}>;

/** States settled together; after each such slice progress is told. */
const sliceStates = 200;

/** All states that at most k faults lead to, breadth first: the first way found to a state is a shortest one. */
export async function search(options: SearchOptions): Promise<Exploration> {
  const { settler, initial, faultsMax, statesMax, progress } = options;
  const known = new Set<string>();
  const reached: Reached[] = [];
  const restless: Restless[] = [];
  const exploration = (complete: boolean): Exploration => ({ reached, restless, complete });

  /** Only those not seen before. */
  const settleAll = async (raw: readonly Reached[]): Promise<readonly Reached[]> => {
    const fresh: Reached[] = [];
    for (let from = 0; from < raw.length; from += sliceStates) {
      const slice = raw.slice(from, from + sliceStates);
      const settled = await settler.settle(slice.map(({ state }) => state));
      settled.forEach(({ state, atRest, moving }, index) => {
        const faults = slice[index]?.faults ?? [];
        if (!atRest) restless.push({ faults, moving });
        const key = keyOf(state);
        if (!atRest || known.has(key)) return;
        known.add(key);
        fresh.push({ state, faults });
        reached.push({ state, faults });
      });
      progress?.(reached.length, slice[0]?.faults.length ?? 0);
      if (reached.length >= statesMax) break;
    }
    return fresh;
  };

  try {
    let frontier = await settleAll([{ state: initial, faults: [] }]);
    for (let depth = 0; depth < faultsMax && frontier.length > 0; depth += 1) {
      frontier = await settleAll(successorsOf(settler, frontier));
      if (reached.length >= statesMax) return exploration(false);
    }
    return exploration(true);
  } catch (error) {
    // Asked to end: what was found so far is the answer.
    if (options.signal?.aborted !== true || reached.length === 0) throw error;
    return exploration(false);
  }
}

/** Each state right after a fault once, reached by the first of its ways. */
function successorsOf({ model }: Settler, frontier: readonly Reached[]): readonly Reached[] {
  const successors = new Map<string, Reached>();
  for (const { state, faults } of frontier)
    for (const fault of faultsOf(model, state)) {
      const next = applyFault(model, state, fault);
      const key = keyOf(next);
      if (!successors.has(key)) successors.set(key, { state: next, faults: [...faults, fault] });
    }
  return [...successors.values()];
}

/** The same faults again, one after the other, in the settler's configuration; undefined where it finds no rest. */
export async function replay(
  settler: Settler,
  initial: State,
  sequences: readonly (readonly Fault[])[],
): Promise<readonly (State | undefined)[]> {
  const [start] = await settler.settle([initial]);
  let states: readonly (State | undefined)[] = sequences.map(() => (start?.atRest ? start.state : undefined));
  const length = Math.max(0, ...sequences.map((faults) => faults.length));
  for (let step = 0; step < length; step += 1) {
    const moving = sequences.flatMap((faults, index) => {
      const [state, fault] = [states[index], faults[step]];
      return state === undefined || fault === undefined
        ? []
        : [{ index, state: applyFault(settler.model, state, fault) }];
    });
    const settled = await settler.settle(moving.map(({ state }) => state));
    const next = [...states];
    moving.forEach(({ index }, position) => {
      const result = settled[position];
      next[index] = result?.atRest ? result.state : undefined;
    });
    states = next;
  }
  return states;
}
