import { promisify } from "node:util";
import { brotliDecompress, constants, gunzip, zstdDecompress } from "node:zlib";
import { messageOf } from "../../base/error.ts";
import { walUnreadable } from "../format.ts";

/** How a file is packed. Archivers name it by a suffix, or (Barman) not at all: what the file begins with decides. */
export type Packing = "gzip" | "zstd" | "brotli" | "lz4" | "bzip2" | "xz";

export const packedSuffix = "(?:\\.(?:gz|zst|br|lz4|bz2|xz|lzma))";

const signatures: readonly (readonly [packing: Packing, bytes: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["lz4", [0x04, 0x22, 0x4d, 0x18]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** No segment is larger; and what unpacks to more is none. */
const unpackedBytesMax = 2 ** 30;

/** @param start the first bytes of the file; @param name brotli has no signature, only a suffix */
export function packingOf(start: Uint8Array, name: string): Packing | undefined {
  const found = signatures.find(([, bytes]) => bytes.every((byte, index) => start[index] === byte));
  return found?.[0] ?? (name.endsWith(".br") ? "brotli" : undefined);
}

/** The whole content. Of a file that is cut, what there is: the log then ends where the file does. */
export async function unpack(packed: Uint8Array, packing: Packing, path: string): Promise<Uint8Array> {
  const limit = { maxOutputLength: unpackedBytesMax };
  try {
    switch (packing) {
      case "gzip":
        return await promisify(gunzip)(packed, { ...limit, finishFlush: constants.Z_SYNC_FLUSH });
      case "zstd":
        return await promisify(zstdDecompress)(packed, { ...limit, finishFlush: constants.ZSTD_e_flush });
      case "brotli":
        return await promisify(brotliDecompress)(packed, { ...limit, finishFlush: constants.BROTLI_OPERATION_FLUSH });
      case "lz4":
      case "bzip2":
      case "xz":
        throw refusedPacking(path, packing);
      default: {
        const never: never = packing;
        return never;
      }
    }
  } catch (error) {
    if (packing === "lz4" || packing === "bzip2" || packing === "xz") throw error;
    throw walUnreadable({
      what: `${path} cannot be unpacked: ${messageOf(error)}`,
      why: `It begins as a ${packing} file, but goes on otherwise, or holds more than a segment (1 GiB).`,
      next: "Take another copy of it; the archive that it comes from may be damaged.",
      cause: error,
    });
  }
}

function refusedPacking(path: string, packing: "lz4" | "bzip2" | "xz") {
  return walUnreadable({
    what: `${path} is packed with ${packing}.`,
    why: "gzip, zstd and brotli are unpacked here, and nothing else.",
    next: `Unpack it first: \`${packing} --decompress --keep ${path}\`, then name the file that this makes.`,
    details: { packing },
  });
}
