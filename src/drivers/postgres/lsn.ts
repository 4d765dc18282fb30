/** A place in the write-ahead log as PostgreSQL writes it: `0/3000148`. */
export type Lsn = string;

/** Bytes from the beginning of the log. */
export function lsnBytes(lsn: Lsn): bigint {
  const [high, low] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function lsnText(bytes: bigint): Lsn {
  return `${(bytes >> 32n).toString(16).toUpperCase()}/${(bytes & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** Bytes by which `a` is ahead of `b`; negative when it is behind. */
export function lsnAhead(a: Lsn, b: Lsn): number {
  return Number(lsnBytes(a) - lsnBytes(b));
}
