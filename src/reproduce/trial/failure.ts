import { BlackstartError, messageOf, whatAndWhy } from "../../base/error.ts";

/** What this machine lacks, and what the scenario names wrongly: no further trial would go better. */
const endsAll: ReadonlySet<string> = new Set([
  "INTERNAL",
  "LAB_UNSUPPORTED",
  "POSTGRES_NOT_FOUND",
  "REFUSED",
  "UNKNOWN_NAME",
  "USAGE",
]);

/**
 * Why a trial could not be carried out, in words. Throws what would keep every other trial from being carried out as well: a
 * configuration must not be called uninteresting because the disk was full while it was tried.
 * @param making whether the cluster was still being made: a full disk is this machine's then, and no part of the story
 */
export function whyUnresolved(error: unknown, making: boolean): string {
  if (isNoRoom(error) || (making && /No space left on device/.test(textOf(error)))) throw noRoom(error);
  if (error instanceof BlackstartError ? endsAll.has(error.code) : !isOfTheMachine(error)) throw error;
  return textOf(error);
}

function textOf(error: unknown): string {
  return error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error);
}

function isNoRoom(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isNoRoom);
  const { code } = (error ?? {}) as { code?: unknown };
  return code === "ENOSPC" || code === "EDQUOT";
}

/** A call of the operating system, or a program, that failed; anything else is a fault of our own. */
function isOfTheMachine(error: unknown): boolean {
  if (error instanceof BlackstartError) return true;
  if (error instanceof AggregateError) return error.errors.every(isOfTheMachine);
  return error instanceof Error && ("syscall" in error || "cmd" in error);
}

function noRoom(error: unknown): BlackstartError {
  return new BlackstartError("LAB_FAILED", {
    what: "There is no room left for the clusters of trials.",
    why: textOf(error),
    next: "Make room in /dev/shm or in BLACKSTART_HOME, or try fewer at once (--jobs); then run it again: it goes on where it was.",
    cause: error,
  });
}
