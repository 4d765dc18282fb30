import { z } from "zod";
import { durationMs } from "./duration.ts";

/* What the files that people write have in common: blackstart.yaml and the scenarios. */

const durationForm = "a duration is written 500ms, 30s, 5m, 2h or 7d";

export const duration = z
  .string({ error: (issue) => (issue.input === undefined ? undefined : durationForm) })
  .transform((text, context) => {
    const ms = durationMs(text);
    if (ms === undefined) context.addIssue({ code: "custom", message: durationForm });
    else if (ms === 0) context.addIssue({ code: "custom", message: "must be longer than nothing" });
    return ms ?? z.NEVER;
  })
  .meta({ format: "duration-text", description: "A duration: 500ms, 30s, 5m, 2h, 7d." });

/** Names stand in references (`node:ledger/pg1`), stream names and file names. */
export const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/,
    "a name has letters, digits, - _ . only, at most 63, a letter or digit first",
  );

/** A text that says something. */
export const filled = (what: string) => z.string().regex(/\S/, `${what} is empty`);
