/**
 * What the main data of a record begins with: the C structures of `access/heapam_xlog.h`, `nbtxlog.h`, `catalog/pg_control.h`
 * and the like, for the record types where it tells a person something. What follows (lists of items, tuples) is not
 * told apart. Layouts that changed between 13 and 18 are given by version, or end before the change.
 */
export type FieldType =
  | "u8"
  | "u16"
  | "u32"
  | "i32"
  | "u64"
  | "bool"
  /** Flags, shown in hexadecimal. */
  | "x8"
  | "lsn"
  /** Microseconds since 2000. */
  | "time"
  /** Seconds since 1970. */
  | "seconds"
  /** Tablespace, database, relation. */
  | "relation"
  /** 64 bytes, ended by a zero. */
  | "name64";

/** `label`: how dump names it; "" for the value alone; undefined where only `show` tells it. */
export type StructureField = Readonly<{
  type: FieldType;
  name: string;
  words: string;
  label: string | undefined;
  /** The label and a space, in ASCII. */
  labelBytes: Uint8Array;
  offset: number;
  bytes: number;
}>;

export const fieldBytes: Readonly<Record<FieldType, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  bool: 1,
  x8: 1,
  lsn: 8,
  time: 8,
  seconds: 8,
  relation: 12,
  name64: 64,
};

/** @param type as `recordTypeName` gives it */
export function structureOf(manager: string, type: string, version: number): readonly StructureField[] {
  const plain = type.replace("+INIT", "");
  const text = structures(version)[`${manager} ${plain}`];
  return text === undefined ? [] : parse(text);
}

/** One field a line: `type name [label]: words`. Aligned as a C compiler does it. */
function parse(text: string): readonly StructureField[] {
  let offset = 0;
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const match = /^\s*(\w+) (\w+)(?: \[(.*?)\])?: (.*)$/.exec(line);
      if (match === null) throw new Error(`cannot be a field: ${line}`);
      const type = match[1] as FieldType;
      const bytes = fieldBytes[type];
      const alignment = type === "relation" ? 4 : type === "name64" ? 1 : bytes;
      const at = Math.ceil(offset / alignment) * alignment;
      offset = at + bytes;
      const labelBytes = Uint8Array.from(Buffer.from(match[3] ? `${match[3]} ` : ""));
      return { type, bytes, name: match[2] ?? "", label: match[3], labelBytes, words: match[4] ?? "", offset: at };
    });
}

const heapInsert = `
  u16 offnum [off]: which line pointer of the page the new row has
  x8 flags [flags]: XLH_INSERT_… bits`;
const heapUpdate = `
  u32 old_xmax [xmax]: the transaction that put an end to the old version
  u16 old_offnum [off]: line pointer of the old version
  x8 old_infobits_set: what is known of that transaction
  x8 flags [flags]: XLH_UPDATE_… bits
  u32 new_xmax [new xmax]: who has locked the new version
  u16 new_offnum [new off]: line pointer of the new version`;
const checkpoint = `
  lsn redo [redo]: recovery begins here
  u32 ThisTimeLineID [timeline]: the timeline
  u32 PrevTimeLineID: the one before, at its end
  bool fullPageWrites: whether full_page_writes is on
  u64 nextXid [next xid]: next transaction, with its epoch in the upper half
  u32 nextOid [next oid]: next object identifier
  u32 nextMulti [next multixact]: next multixact
  u32 nextMultiOffset: where its members go
  u32 oldestXid [oldest xid]: oldest transaction that some row may still name
  u32 oldestXidDB: the database that holds it back
  u32 oldestMulti: oldest multixact
  u32 oldestMultiDB: the database that holds it back
  seconds time [at]: when the checkpoint began`;
const btreeInsert = "u16 offnum [off]: the item's place on the page";
const btreeSplit = `
  u32 level [level]: 0 is a leaf
  u16 firstrightoff [first right off]: first item that moves to the right page
  u16 newitemoff [new item off]: where the new item goes
  u16 postingoff: set when a posting list is split`;

function structures(version: number): Readonly<Record<string, string>> {
  return version >= 17 ? of17 : version >= 16 ? of16 : version >= 14 ? of14 : of13;
}

const common: Readonly<Record<string, string>> = {
  "Heap INSERT": heapInsert,
  "Heap UPDATE": heapUpdate,
  "Heap HOT_UPDATE": heapUpdate,
  "Heap DELETE": `
    u32 xmax [xmax]: the transaction that deleted it
    u16 offnum [off]: the row's line pointer
    x8 infobits_set: what is known of that transaction
    x8 flags [flags]: XLH_DELETE_… bits`,
  "Heap LOCK": `
    u32 xmax [xmax]: the transaction or multixact that locks it
    u16 offnum [off]: the row's line pointer
    x8 infobits_set: kind of lock
    x8 flags [flags]: XLH_LOCK_… bits`,
  "Heap HEAP_CONFIRM": "u16 offnum [off]: line pointer of the row that a speculative insertion keeps",
  "Heap INPLACE": "u16 offnum [off]: line pointer of the row that is changed in place",
  "Heap TRUNCATE": `
    u32 dbId [database]: the database
    u32 nrelids [relations]: how many relations
    x8 flags: cascade, restart of sequences`,
  "Heap2 MULTI_INSERT": `
    x8 flags [flags]: XLH_INSERT_… bits
    u16 ntuples [rows]: how many rows`,
  "Heap2 VISIBLE": `
    u32 snapshotConflictHorizon [horizon]: standby queries with an older snapshot conflict
    x8 flags [flags]: visibility map bits`,
  "Heap2 LOCK_UPDATED": `
    u32 xmax [xmax]: the transaction or multixact that locks it
    u16 offnum [off]: the row's line pointer
    x8 infobits_set: kind of lock
    x8 flags [flags]: XLH_LOCK_… bits`,
  "Heap2 NEW_CID": `
    u32 top_xid [top xid]: the top-level transaction
    u32 cmin: command that made the row
    u32 cmax: command that ended it
    u32 combocid: both in one`,
  "Btree INSERT_LEAF": btreeInsert,
  "Btree INSERT_UPPER": btreeInsert,
  "Btree INSERT_META": btreeInsert,
  "Btree INSERT_POST": btreeInsert,
  "Btree SPLIT_L": btreeSplit,
  "Btree SPLIT_R": btreeSplit,
  "Btree DEDUP": "u16 nintervals [intervals]: how many groups of equal keys are merged",
  "Btree VACUUM": `
    u16 ndeleted [deleted]: items that go
    u16 nupdated [updated]: posting lists that shrink`,
  "Btree NEWROOT": `
    u32 rootblk [root blk]: the new root
    u32 level [level]: its height`,
  "Hash INSERT": "u16 offnum [off]: the item's place on the page",
  "BRIN INSERT": `
    u32 heapBlk [heap blk]: first table page that is summarized
    u32 pagesPerRange [pages]: how many
    u16 offnum [off]: the summary's line pointer`,
  "Transaction COMMIT": "time xact_time [at]: when it committed",
  "Transaction COMMIT_PREPARED": "time xact_time [at]: when it committed",
  "Transaction ABORT": "time xact_time [at]: when it was rolled back",
  "Transaction ABORT_PREPARED": "time xact_time [at]: when it was rolled back",
  "Transaction ASSIGNMENT": `
    u32 xtop [top xid]: the top-level transaction
    i32 nsubxacts [subtransactions]: how many belong to it`,
  "XLOG CHECKPOINT_SHUTDOWN": checkpoint,
  "XLOG CHECKPOINT_ONLINE": checkpoint,
  "XLOG NEXTOID": "u32 nextOid []: object identifiers up to here may be given out",
  "XLOG BACKUP_END": "lsn startpoint [backup began]: where the base backup began that ends here",
  "XLOG RESTORE_POINT": `
    time rp_time [at]: when it was made
    name64 rp_name []: its name`,
  "XLOG PARAMETER_CHANGE": `
    i32 MaxConnections [max_connections]: a standby needs at least as many
    i32 max_worker_processes: a standby needs at least as many
    i32 max_wal_senders: a standby needs at least as many
    i32 max_prepared_xacts [max_prepared_transactions]: a standby needs at least as many
    i32 max_locks_per_xact: a standby needs at least as many
    i32 wal_level [wal_level]: 0 minimal, 1 replica, 2 logical`,
  "XLOG FPW_CHANGE": "bool fullPageWrites [full_page_writes]: whether it is on",
  "XLOG END_OF_RECOVERY": `
    time end_time [at]: when recovery ended
    u32 ThisTimeLineID [timeline]: the new timeline
    u32 PrevTimeLineID [after]: the one before`,
  "XLOG OVERWRITE_CONTRECORD": `
    lsn overwritten_lsn [overwrites]: the record that was never completed
    time overwrite_time [at]: when`,
  "XLOG CHECKPOINT_REDO": "i32 wal_level [wal_level]: 0 minimal, 1 replica, 2 logical",
  "Storage CREATE": `
    relation rlocator []: the file that is made
    i32 forkNum [fork]: 0 main, 1 fsm, 2 vm, 3 init`,
  "Storage TRUNCATE": `
    u32 blkno [to blocks]: so many blocks stay
    relation rlocator []: the file
    i32 flags: which forks`,
  "Database CREATE": `
    u32 db_id [database]: the new database
    u32 tablespace_id [tablespace]: its tablespace
    u32 src_db_id [copied from]: the template
    u32 src_tablespace_id: the template's tablespace`,
  "Database CREATE_FILE_COPY": `
    u32 db_id [database]: the new database
    u32 tablespace_id [tablespace]: its tablespace
    u32 src_db_id [copied from]: the template
    u32 src_tablespace_id: the template's tablespace`,
  "Database CREATE_WAL_LOG": `
    u32 db_id [database]: the new database
    u32 tablespace_id [tablespace]: its tablespace`,
  "Database DROP": `
    u32 db_id [database]: the database that goes
    i32 ntablespaces [tablespaces]: in how many tablespaces it had files`,
  "Tablespace CREATE": "u32 ts_id [tablespace]: the new tablespace",
  "Tablespace DROP": "u32 ts_id [tablespace]: the tablespace that goes",
  "Standby LOCK": `
    i32 nlocks [locks]: how many
    u32 xid [xid]: who holds the first
    u32 dbOid [database]: database of what it locks
    u32 relOid [relation]: what it locks, exclusively`,
  "Standby RUNNING_XACTS": `
    i32 xcnt [running]: transactions that run
    i32 subxcnt [subtransactions]: their subtransactions
    bool subxid_overflow: not all subtransactions are listed
    u32 nextXid [next xid]: next transaction
    u32 oldestRunningXid [oldest running]: oldest of those that run
    u32 latestCompletedXid [latest completed]: newest of those that have ended`,
  "Sequence LOG": "relation rlocator []: the sequence",
  "MultiXact CREATE_ID": `
    u32 mid []: the new multixact
    u32 moff: where its members are kept
    i32 nmembers [members]: how many transactions it stands for`,
  "RelMap UPDATE": `
    u32 dbid [database]: 0 for the shared catalogs
    u32 tsid [tablespace]: its tablespace
    i32 nbytes [bytes]: of the new map`,
  "ReplicationOrigin SET": `
    lsn remote_lsn [remote]: how far the origin was replayed
    u16 node_id [origin]: the origin`,
  "ReplicationOrigin DROP": "u16 node_id [origin]: the origin that goes",
  "LogicalMessage MESSAGE": `
    u32 dbId [database]: the database
    bool transactional [transactional]: belongs to its transaction
    u64 prefix_size [prefix bytes]: length of the prefix, with its final zero
    u64 message_size [message bytes]: length of the message`,
};

const of14: Readonly<Record<string, string>> = {
  ...common,
  "Heap2 PRUNE": `
    u32 latestRemovedXid [horizon]: standby queries with an older snapshot conflict
    u16 nredirected [redirected]: line pointers that now point to another
    u16 ndead [dead]: line pointers that are dead now`,
  "Heap2 VACUUM": "u16 nunused [unused]: line pointers that are free again",
  "Heap2 FREEZE_PAGE": `
    u32 cutoff_xid [horizon]: rows older than this are frozen
    u16 ntuples [rows]: how many`,
  "CLOG ZEROPAGE": "i32 pageno [page]: the page",
  "CommitTs ZEROPAGE": "i32 pageno [page]: the page",
  "MultiXact ZERO_OFF_PAGE": "i32 pageno [page]: the page",
  "MultiXact ZERO_MEM_PAGE": "i32 pageno [page]: the page",
  "Btree DELETE": `
    u32 snapshotConflictHorizon [horizon]: standby queries with an older snapshot conflict
    u16 ndeleted [deleted]: items that go
    u16 nupdated [updated]: posting lists that shrink`,
};

const of13: Readonly<Record<string, string>> = {
  ...of14,
  "Heap2 CLEAN": of14["Heap2 PRUNE"] as string,
  "Heap2 CLEANUP_INFO": `
    relation node []: the table
    u32 latestRemovedXid [horizon]: standby queries with an older snapshot conflict`,
  "Btree DELETE": `
    u32 latestRemovedXid [horizon]: standby queries with an older snapshot conflict
    u32 ndeleted [deleted]: items that go`,
};

const of16: Readonly<Record<string, string>> = {
  ...of14,
  "Heap2 FREEZE_PAGE": `
    u32 snapshotConflictHorizon [horizon]: standby queries with an older snapshot conflict
    u16 nplans [plans]: kinds of change`,
};

/** 17 numbers pages of the SLRUs with 64 bits. */
const of17: Readonly<Record<string, string>> = {
  ...of16,
  "CLOG ZEROPAGE": "u64 pageno [page]: the page",
  "CommitTs ZEROPAGE": "u64 pageno [page]: the page",
  "MultiXact ZERO_OFF_PAGE": "u64 pageno [page]: the page",
  "MultiXact ZERO_MEM_PAGE": "u64 pageno [page]: the page",
};
