import { BlackstartError, messageOf } from "../../base/error.ts";
import type { ClosedReason, Connection } from "../../drivers/postgres/connection.ts";
import { answerOrSilence, type Silent, type SilenceOptions } from "./silence.ts";

/** A held connection, of which one question at a time is asked. */
export interface Held {
  /** What became of the question: `error` is the server's refusal, and a sign of life. Never throws. */
  ask<T>(question: (connection: Connection) => Promise<T>): Promise<Answer<T>>;
  /** Why it is gone; undefined while it is not. */
  gone(): ClosedReason | undefined;
  release(): void;
}

export type Answer<T> =
  | Readonly<{ kind: "answer"; value: T }>
  | Readonly<{ kind: "error"; error: unknown }>
  | Readonly<{ kind: "closed"; reason: ClosedReason }>
  | Silent;

/** @param onGone called once, as soon as the connection is known to be gone */
export function hold(connection: Connection, options: SilenceOptions, onGone: () => void): Held {
  let gone: ClosedReason | undefined;
  // One listener for all questions: one for each would pile up for as long as the connection is held.
  let tell: (() => void) | undefined;
  connection.onClosed((reason) => {
    gone = reason;
    tell?.();
    onGone();
  });
  return {
    gone: () => gone,
    release: () => void connection.close(),
    async ask(question) {
      const closed = new Promise<"closed">((resolve) => {
        tell = () => resolve("closed");
        if (gone !== undefined) tell();
      });
      const outcome = await answerOrSilence(Promise.race([settled(question(connection)), closed]), options);
      if (outcome.kind === "silent") return outcome;
      if (outcome.value === "closed") return { kind: "closed", reason: gone ?? { message: "closed" } };
      const answered = outcome.value;
      if (!("error" in answered)) return { kind: "answer", value: answered.value };
      const sqlstate = sqlstateOf(answered.error);
      // The goodbye may come as the answer to what was asked; the end of the connection follows.
      if (sqlstate !== undefined && !sqlstate.startsWith("57P")) return { kind: "error", error: answered.error };
      const message = messageOf(answered.error);
      return { kind: "closed", reason: { message, ...(sqlstate === undefined ? {} : { sqlstate }) } };
    },
  };
}

/** A rejection becomes a value, so that a race can be lost without an unhandled rejection. */
export function settled<T>(promise: Promise<T>): Promise<Readonly<{ value: T }> | Readonly<{ error: unknown }>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function sqlstateOf(error: unknown): string | undefined {
  const sqlstate = error instanceof BlackstartError ? error.details.sqlstate : undefined;
  return typeof sqlstate === "string" ? sqlstate : undefined;
}
