import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { DamageOptions } from "./wal/damage.ts";
import type { DumpOptions } from "./wal/dump.ts";
import type { ShowOptions } from "./wal/show.ts";

/** `blackstart wal …`: PostgreSQL's write-ahead log, read, explained, damaged on purpose. */
export function addWal(program: Command, act: Act): void {
  const wal = program.command("wal").description("PostgreSQL's write-ahead log: read it, see its bytes, damage it");
  act(
    wal
      .command("dump")
      .argument("<paths...>", "segments, folders of them, archives (gzip, zstd, brotli), data directories")
      .description("every record, in order: what it is, and what it changes")
      .option("--relation <number>", "only records that touch it: [[tablespace/]database/]file")
      .option("--xid <xid>", "only records of this transaction; several with commas")
      .option("--rmgr <name>", "only records of this resource manager, as Heap; several with commas")
      .option("--from <lsn>", "begin with the first record at or after this place")
      .option("--to <lsn>", "end before the first record at or after this place")
      .option("--limit <count>", "end after so many records")
      .option("--timeline <number>", "the timeline to read (default: the newest)")
      .option("--stats", "count instead: records, bytes and full-page images of each kind")
      .option("--open", "instead: the transactions whose end is not in it"),
    async (context, options: DumpOptions, paths: readonly string[]) =>
      (await import("./wal/dump.ts")).dumpCommand(context, options, paths),
  );
  act(
    wal
      .command("show")
      .argument("<file>", "a segment")
      .description("its bytes, each with its name and what it means")
      .option("--lsn <lsn>", "the record at this place (default: the first)")
      .option("--offset <bytes>", "the record, or page header, that has this byte of the file")
      .option("--count <count>", "so many records", "1"),
    async (context, options: ShowOptions, file: string) =>
      (await import("./wal/show.ts")).showCommand(context, options, file),
  );
  act(
    wal
      .command("damage")
      .argument("<file>", "a segment")
      .description("damage one field of one record on purpose, and learn what PostgreSQL will say")
      .requiredOption("--lsn <lsn>", "the record, or the page, that begins here")
      .requiredOption("--field <name>", "which field, as `wal show` names it: xl_tot_len, block0.blkno, …")
      .option("--value <value>", "what to write: decimal, 0x…, an LSN, 'hex:…' (default: something wrong)")
      .option("--out <file>", "write the damaged copy here, and leave the file alone")
      .option("--accept-running", "though a running server may read this file"),
    async (context, options: DamageOptions, file: string) =>
      (await import("./wal/damage.ts")).damageCommand(context, options, file),
  );
}
