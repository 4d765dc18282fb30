import { catalogue, type ErrorCode } from "./catalogue.ts";
import type { JsonObject } from "./json.ts";

/**
 * Every error that a user can meet. Its code is permanent and stands in the catalogue together with what it means.
 * `what` says what happened, `why` for which reason, `next` what to do about it.
 */
export class BlackstartError extends Error {
  override readonly name = "BlackstartError";
  readonly code: ErrorCode;
  readonly why: string;
  readonly next: string;
  /** For machines: names, numbers, positions. Never a secret. */
  readonly details: JsonObject;

  constructor(
    code: ErrorCode,
    say: { what: string; why: string; next: string; details?: JsonObject; cause?: unknown },
  ) {
    super(say.what, say.cause === undefined ? undefined : { cause: say.cause });
    this.code = code;
    this.why = say.why;
    this.next = say.next;
    this.details = say.details ?? {};
  }

  /** The exit code of a command that ends with this error; see `docs/errors.md`. */
  get exitCode(): 1 | 2 | 3 | 4 {
    return catalogue[this.code].exitCode;
  }
}

export function isCode(error: unknown, code: ErrorCode): error is BlackstartError {
  return error instanceof BlackstartError && error.code === code;
}

/** What happened and why, as prose, whether or not the first ends with a full stop. */
export function whatAndWhy({ message, why }: Pick<BlackstartError, "message" | "why">): string {
  return `${message.replace(/\.$/, "")}. ${why}`;
}

/** The message of anything thrown, in one line. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
