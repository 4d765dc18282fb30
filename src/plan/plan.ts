import type { JsonObject } from "../base/json.ts";
import type { Instant } from "../base/time.ts";
import type { Ref } from "../finding/finding.ts";

/** What somebody, or a finding's remedy, asks to have planned. */
export type PlanRequest = Readonly<{ kind: string; subject: Ref; options?: JsonObject }>;

/**
 * A step is data, so that a plan stored yesterday by another process can be shown, approved, resumed and audited.
 * Its `kind` finds the handler. A parameter may be `{ "from": "<step id>", "field": "<name>" }`: the value that an
 * earlier step's outcome recorded under that name (the standby that turned out to have received most, say).
 */
export type Step = Readonly<{
  /** Unique within the plan, short, stable: `promote`. */
  id: string;
  /** `postgres.promote` */
  kind: string;
  /** What it does, for the person who approves: "Promote pg2". */
  title: string;
  parameters: JsonObject;
  /** Takes something away. Needs a confirmation, or a policy that names it. */
  destructive?: boolean;
  /** It can be taken back afterwards, by `plan undo`. */
  undoable?: boolean;
  /** Why it cannot be, where that was found out when it was planned. */
  whyNotUndoable?: string;
  /** The command whose plan takes it back, where that is a plan of its own. */
  takenBackBy?: string;
  /**
   * What happens to the plan when this step fails: `stop` (the default), or `continue` for what comes after the
   * service works again and does not endanger it (bringing a second standby back, say). The failure is recorded and
   * told either way.
   */
  onFailure?: "stop" | "continue";
  /** May be broken off at any time for an urgent plan, and begun again later. So may every step that may fail. */
  yields?: boolean;
}>;

export type Risk = Readonly<{
  /** Bytes of write-ahead log whose transactions could be lost; null when it cannot be known. 0: none can. */
  lossBytes: number | null;
  /** Acknowledged writes may have been lost before, whatever is done now: the statements say which. */
  lostBefore?: true;
  /** Seconds of writes that could be lost; null when it cannot be known. */
  lossSeconds: number | null;
  /** Seconds for which clients cannot write because of this plan, estimated. */
  downtimeSeconds: number;
  /** In words, for the person who approves. */
  statements: readonly string[];
}>;

export type Plan = Readonly<{
  id: string;
  kind: string;
  subject: Ref;
  /** The incident it belongs to. */
  incident?: string;
  /** What was seen that leads to this plan; one sentence each. */
  because: readonly string[];
  risk: Risk;
  steps: readonly Step[];
  /** Why no policy may let it run without a person, whatever its risk. */
  needsPerson?: string;
  /** The service is down or endangered until it is done: what only cleans up behind another plan makes way for it. */
  urgent?: boolean;
  /** What it leaves where it is, whole, where the risk only sums it up: files on the nodes' hosts. */
  staying?: readonly JsonObject[];
  createdAt: Instant;
}>;

/**
 * A plan that cannot be made because it would not be safe: what is missing, how to provide it, and the flag that
 * accepts the stated risk, where there is one.
 */
export type Refusal = Readonly<{
  refused: true;
  rule: string;
  missing: string;
  provide: string;
  accept?: string;
  /** As a plan's. */
  staying?: readonly JsonObject[];
}>;

export function isRefusal(value: object): value is Refusal {
  return "refused" in value && value.refused === true;
}
