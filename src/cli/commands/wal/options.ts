import { BlackstartError } from "../../../base/error.ts";
import { lsnNumberOf } from "../../../wal/format.ts";

/** `0/3000148`, as PostgreSQL writes a place in the log. */
export function lsnOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text)) return lsnNumberOf(text);
  throw usage(
    `${name} ${text} is no place in the log.`,
    "Places are written as PostgreSQL does, for example 0/3000148.",
  );
}

/** A number from 0 on. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^(\d+|0x[0-9a-f]+)$/i.test(text) && Number.isSafeInteger(value)) return value;
  throw usage(`${name} ${text} is no number.`, "It counts from 0 on, without a sign or a fraction.");
}

function usage(what: string, why: string): BlackstartError {
  return new BlackstartError("USAGE", { what, why, next: "See `blackstart wal --help`." });
}
