/** Text written straight into bytes: a record costs no string. Grows as needed; `take` gives what there is. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  at = 0;
  /** The upper half of the last LSN, as text with its slash. */
  #high = -1;
  #highText = ascii("");

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for so many bytes; the others do not look. */
  ensure(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + bytes));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  /** What was written; `reset` afterwards writes over it. */
  written(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.at);
  }

  /** Begins anew, in other memory if it is given. */
  reset(bytes: Uint8Array<ArrayBuffer> = this.bytes): void {
    this.bytes = bytes;
    this.at = 0;
  }

  copy(text: Uint8Array): void {
    const { bytes } = this;
    let at = this.at;
    for (let index = 0; index < text.length; index++) bytes[at++] = text[index] as number;
    this.at = at;
  }

  /** Characters below 128 only. */
  ascii(text: string): void {
    const { bytes } = this;
    let at = this.at;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.at = at;
  }

  /** Any text, of any length. */
  text(text: string): void {
    const encoded = Buffer.from(text);
    this.ensure(encoded.length + 1024);
    this.bytes.set(encoded, this.at);
    this.at += encoded.length;
  }

  /** Spaces up to this column, of the line that began at `start`; at least one. */
  column(start: number, column: number): void {
    const { bytes } = this;
    const until = Math.max(start + column, this.at + 1);
    let at = this.at;
    while (at < until) bytes[at++] = 0x20;
    this.at = at;
  }

  decimal(value: number): void {
    if (value > 0x7fffffff || value < 0) return this.ascii(String(value));
    const { bytes } = this;
    let digits = 1;
    for (let limit = 10; value >= limit && digits < 10; limit *= 10) digits++;
    let at = this.at + digits;
    this.at = at;
    // Whole numbers of 31 bits: then no division is one of floating point.
    let rest = value | 0;
    do {
      const tenth = (rest / 10) | 0;
      bytes[--at] = 48 + rest - tenth * 10;
      rest = tenth;
    } while (rest > 0);
  }

  /** Of 32 bits; capital letters, without leading zeros beyond `digitsMin`. */
  hex(value: number, digitsMin = 1): void {
    const bits = Math.max(1, 32 - Math.clz32(value));
    const digits = Math.max(digitsMin, (bits + 3) >> 2);
    const { bytes } = this;
    let at = this.at;
    for (let shift = digits * 4 - 4; shift >= 0; shift -= 4) bytes[at++] = hexDigits[(value >>> shift) & 15] as number;
    this.at = at;
  }

  lsn(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    if (high !== this.#high) {
      this.#high = high;
      this.#highText = ascii(`${high.toString(16).toUpperCase()}/`);
    }
    this.copy(this.#highText);
    this.hex(value - high * 2 ** 32);
  }
}

export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

const hexDigits = ascii("0123456789ABCDEF");
