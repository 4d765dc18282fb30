import { BlackstartError } from "../../base/error.ts";
import { lsnNumberOf } from "../format.ts";

/** What makes PostgreSQL say something of its own: other values of these fields are often possible ones. */
const tellingValues: Readonly<Record<string, number>> = {
  // As a page looks that was never written.
  xl_tot_len: 0,
  // Neither built in nor an extension's, in any version.
  xl_rmid: 127,
};

/**
 * The bytes to write into a field: a number in its width (`7`, `0x1F`), a place in the log (`0/3000148`), or as many
 * bytes as are given (`hex:00ff`). Without a value something that is wrong: the lowest bit turned over.
 * @throws USAGE where it does not fit
 */
export function valueBytes(field: string, current: Uint8Array, value: string | undefined): Uint8Array {
  const width = Math.min(current.length, 8);
  if (value === undefined) return tellingBytes(field, current);
  if (value.startsWith("hex:")) return hexBytes(field, value.slice(4), current.length);
  const isPlace = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(value);
  if (!isPlace && !/^(\d+|0x[0-9a-f]+)$/i.test(value))
    throw doesNotFit(field, value, "It is no number, no place such as 0/3000148, and no hex:00ff.");
  const number = isPlace ? BigInt(lsnNumberOf(value)) : BigInt(value);
  if (number >= 1n << BigInt(8 * width)) throw doesNotFit(field, value, `It has ${width} bytes.`);
  return Uint8Array.from({ length: width }, (_, index) => Number((number >> BigInt(8 * index)) & 255n));
}

function tellingBytes(field: string, current: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(current.subarray(0, 8));
  const telling = tellingValues[field];
  if (telling !== undefined && bytes[0] !== telling) bytes.fill(0).fill(telling, 0, 1);
  else bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes;
}

function hexBytes(field: string, digits: string, most: number): Uint8Array {
  if (!/^([0-9a-f]{2})+$/i.test(digits)) throw doesNotFit(field, `hex:${digits}`, "Two digits make a byte.");
  if (digits.length / 2 > most) throw doesNotFit(field, `hex:${digits}`, `It has ${most} bytes.`);
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

function doesNotFit(field: string, value: string, why: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `${value} cannot be written into ${field}.`,
    why,
    next: "Give a number that fits, a place such as 0/3000148, or bytes as hex:00ff.",
  });
}
