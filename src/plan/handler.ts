import type { JsonObject } from "../base/json.ts";

/** What a handler is given for one step of one plan. */
export type StepContext = Readonly<{
  planId: string;
  stepId: string;
  /** The same for all steps that are carried out in a row; another after an interruption, also in the same process. */
  run: object;
  /** The step's parameters, with references to earlier outcomes filled in. */
  parameters: JsonObject;
  /** Aborted when the lease is lost or the process is asked to end: stop changing things at once. */
  signal: AbortSignal;
  /** Throws LEASE_LOST when this executor may change nothing more. To be called right before each change. */
  assertHeld(): Promise<void>;
  /** A line for the person who watches. Not stored. */
  progress(line: string): void;
}>;

/**
 * `ready`: to be done. `done`: the world is already as the step wants it; `outcome` as `do` would have given it.
 * `refused`: it would not be safe now.
 */
export type CheckResult =
  | Readonly<{ state: "ready" }>
  | Readonly<{ state: "done"; outcome: JsonObject }>
  | Readonly<{ state: "refused"; why: string; next: string }>;

/**
 * How one kind of step is carried out. The executor calls `check`, then `do` if it is ready, then `verify`.
 *
 * - Each may be called again after a crash at any instant of an earlier call: `check` asks the world, not a memory,
 *   and `do` is idempotent.
 * - `do` answers with what later steps and people want to know; never a secret.
 * - Each throws a BlackstartError whose message says in what state things were left. Each has its own time limit.
 */
export interface StepHandler {
  readonly kind: string;
  /** It leaves nothing behind that could be taken back: it looks, or tells a person what to do. */
  readonly looks?: true;
  check(context: StepContext): Promise<CheckResult>;
  do(context: StepContext): Promise<JsonObject>;
  /** Looks at the world, not at what `do` answered. Throws when the step has not reached what it is for. */
  verify(context: StepContext, outcome: JsonObject): Promise<void>;
  /**
   * Takes back what the step did, or refuses by throwing: never over what somebody else has changed since. As with
   * `do`, it may be called again after a crash at any instant of an earlier call, and finds out what that came to.
   * It belongs to steps whose `undoable` says so.
   */
  undo?(context: StepContext, outcome: JsonObject): Promise<Undone>;
}

/** `nothing`: there was nothing to take back, and why. */
export type Undone = Readonly<{ state: "undone"; outcome: JsonObject }> | Readonly<{ state: "nothing"; why: string }>;

export type HandlerRegistry = ReadonlyMap<string, StepHandler>;

export function registryOf(...handlers: readonly StepHandler[]): HandlerRegistry {
  const registry = new Map<string, StepHandler>();
  for (const handler of handlers) {
    if (registry.has(handler.kind)) throw new Error(`two handlers for steps of kind ${handler.kind}`);
    registry.set(handler.kind, handler);
  }
  return registry;
}
