import { BlackstartError } from "../../base/error.ts";
import type { Host, HostCommand } from "../../drivers/host/host.ts";
import type { WalFiles } from "../../wal/files.ts";

/** A host keeps 1 MiB of output; base64 makes four bytes of three. */
const readBytesMax = 512 * 1024;
const timeoutMs = 30_000;

/** A directory of write-ahead log on another machine, read through its host. Reads only; POSIX commands only. */
export function hostWalFiles(host: Host, directory: string): WalFiles {
  const run = async (command: Pick<HostCommand, "script" | "args">) => {
    const result = await host.run({ ...command, as: directory, timeoutMs });
    if (result.code === 0) return result.stdout;
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `Cannot read ${directory} on ${host.reference}: ${result.stderr.trim() || `exit code ${result.code}`}`,
      why: "The write-ahead log is not there, or the user of the host may not read it.",
      next: "Name the right directory, or use a host user that may read the data directory.",
    });
  };
  return {
    place: `${host.reference} ${directory}`,
    async list() {
      const text = await run({ script: `cd "$1" && LC_ALL=C ls -lnL`, args: [directory] });
      return text.split("\n").flatMap((line) => {
        // mode, links, owner, group, size, three of date, name
        const match = /^-\S+\s+\d+\s+\d+\s+\d+\s+(\d+)\s+\S+\s+\S+\s+\S+\s+(\S+)$/.exec(line);
        return match ? [{ name: match[2] as string, bytes: Number(match[1]) }] : [];
      });
    },
    async read(name, offset, into) {
      let have = 0;
      while (have < into.length) {
        const wanted = Math.min(readBytesMax, into.length - have);
        const text = await run({
          script: `test -r "$1/$2" && tail -c "+$3" "$1/$2" | head -c "$4" | base64`,
          args: [directory, name, String(offset + have + 1), String(wanted)],
        });
        const bytes = Buffer.from(text, "base64");
        into.set(bytes, have);
        have += bytes.length;
        if (bytes.length < wanted) break;
      }
      return have;
    },
    text: (name) => run({ script: `cat "$1/$2"`, args: [directory, name] }),
    close: async () => undefined,
  };
}
