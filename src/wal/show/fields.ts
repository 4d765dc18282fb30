/**
 * One field of a page header or a record: the one description of the layout, which `wal show` prints and by which
 * `wal damage` finds what to change.
 */
export type Field = Readonly<{
  /** As PostgreSQL's sources call it; of blocks and data with what it belongs to: `block0.blkno`, `main.offnum`. */
  name: string;
  /** From the beginning of the page or of the record. */
  offset: number;
  bytes: Uint8Array;
  meaning: string;
  /** It cannot be right as it is. */
  isWrong?: true;
}>;

/** Makes fields from front to back; what lies beyond the end is left out. */
export class FieldReader {
  readonly fields: Field[] = [];
  readonly view: DataView;
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  add(name: string, length: number, meaning: string | Readonly<{ wrong: string }>): void {
    const bytes = this.#bytes.subarray(this.at, this.at + length);
    if (bytes.length > 0)
      this.fields.push(
        typeof meaning === "string"
          ? { name, offset: this.at, bytes, meaning }
          : { name, offset: this.at, bytes, meaning: meaning.wrong, isWrong: true },
      );
    this.at += length;
  }

  u8(name: string, meaning: (value: number) => string): number {
    const value = this.view.getUint8(this.at);
    this.add(name, 1, meaning(value));
    return value;
  }

  u16(name: string, meaning: (value: number) => string): number {
    const value = this.view.getUint16(this.at, true);
    this.add(name, 2, meaning(value));
    return value;
  }

  u32(name: string, meaning: (value: number) => string): number {
    const value = this.view.getUint32(this.at, true);
    this.add(name, 4, meaning(value));
    return value;
  }
}

/** The words of the bits that are set. */
export function bitWords(value: number, words: Readonly<Record<number, string>>): string {
  const set = Object.entries(words).flatMap(([bit, text]) => ((value & Number(bit)) !== 0 ? [text] : []));
  return set.join("; ") || "none is set";
}

export function hexOf(value: number, digits: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(digits, "0")}`;
}
