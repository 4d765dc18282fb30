import { resourceManagerName } from "../format.ts";

/**
 * The name of a record's type, as pg_waldump and pg_walinspect call it (`rm_identify` of each resource manager, in
 * `access/rmgrdesc/*.c`). @param info the whole byte; its low four bits are the reader's own.
 */
export function recordTypeName(resourceManager: number, info: number, version: number): string {
  const manager = resourceManagerName(resourceManager);
  const types = typesOf(manager, version);
  const known = types?.names[(info & types.mask) >> 4];
  if (types === undefined || known === undefined || known === "") return `UNKNOWN (${(info & 0xf0).toString(16)})`;
  return types.initializes.includes(known) && (info & initializesPage) !== 0 ? `${known}+INIT` : known;
}

/** The page is made anew, so nothing of it needs to be read first. */
const initializesPage = 0x80;

type Types = Readonly<{ mask: number; names: readonly string[]; initializes: readonly string[] }>;

function typesOf(manager: string, version: number): Types | undefined {
  const text = textOf(manager, version);
  if (text === undefined) return undefined;
  const key = `${manager} ${text}`;
  const found = parsed.get(key);
  if (found !== undefined) return found;
  const words = text.split(" ");
  const types = {
    mask: withInitBit.includes(manager) ? 0x70 : 0xf0,
    names: words.map((word) => (word === "-" ? "" : word.replace(/\*$/, ""))),
    initializes: words.filter((word) => word.endsWith("*")).map((word) => word.slice(0, -1)),
  };
  parsed.set(key, types);
  return types;
}

const parsed = new Map<string, Types>();

/** Their highest bit says something else than the type. */
const withInitBit = ["Transaction", "Heap", "Heap2", "BRIN"];

function textOf(manager: string, version: number): string | undefined {
  switch (manager) {
    case "Heap2":
      return heap2Types(version);
    case "Database":
      return version >= 15 ? "CREATE_FILE_COPY CREATE_WAL_LOG DROP" : "CREATE DROP";
    case "CommitTs":
      return version >= 14 ? "ZEROPAGE TRUNCATE" : "ZEROPAGE TRUNCATE SETTS";
    default:
      return typeNames[manager];
  }
}

function heap2Types(version: number): string {
  const rest = "VISIBLE MULTI_INSERT* LOCK_UPDATED NEW_CID";
  if (version >= 17) return `REWRITE PRUNE_ON_ACCESS PRUNE_VACUUM_SCAN PRUNE_VACUUM_CLEANUP ${rest}`;
  return version >= 14 ? `REWRITE PRUNE VACUUM FREEZE_PAGE ${rest}` : `REWRITE CLEAN FREEZE_PAGE CLEANUP_INFO ${rest}`;
}

/** By the high four bits of the info; `-` is not used, `*` may come with `+INIT`. */
const typeNames: Readonly<Record<string, string>> = {
  XLOG: "CHECKPOINT_SHUTDOWN CHECKPOINT_ONLINE NOOP NEXTOID SWITCH BACKUP_END PARAMETER_CHANGE RESTORE_POINT FPW_CHANGE END_OF_RECOVERY FPI_FOR_HINT FPI - OVERWRITE_CONTRECORD CHECKPOINT_REDO",
  Transaction: "COMMIT PREPARE ABORT COMMIT_PREPARED ABORT_PREPARED ASSIGNMENT INVALIDATION",
  Storage: "- CREATE TRUNCATE",
  CLOG: "ZEROPAGE TRUNCATE",
  Tablespace: "CREATE DROP",
  MultiXact: "ZERO_OFF_PAGE ZERO_MEM_PAGE CREATE_ID TRUNCATE_ID",
  RelMap: "UPDATE",
  Standby: "LOCK RUNNING_XACTS INVALIDATIONS",
  Heap: "INSERT* DELETE UPDATE* TRUNCATE HOT_UPDATE* HEAP_CONFIRM LOCK INPLACE",
  Btree:
    "INSERT_LEAF INSERT_UPPER INSERT_META SPLIT_L SPLIT_R INSERT_POST DEDUP DELETE UNLINK_PAGE UNLINK_PAGE_META NEWROOT MARK_PAGE_HALFDEAD VACUUM REUSE_PAGE META_CLEANUP",
  Hash: "INIT_META_PAGE INIT_BITMAP_PAGE INSERT ADD_OVFL_PAGE SPLIT_ALLOCATE_PAGE SPLIT_PAGE SPLIT_COMPLETE MOVE_PAGE_CONTENTS SQUEEZE_PAGE DELETE SPLIT_CLEANUP UPDATE_META_PAGE VACUUM_ONE_PAGE",
  Gin: "- CREATE_PTREE INSERT SPLIT VACUUM_PAGE DELETE_PAGE UPDATE_META_PAGE INSERT_LISTPAGE DELETE_LISTPAGE VACUUM_DATA_LEAF_PAGE",
  Gist: "PAGE_UPDATE DELETE PAGE_REUSE PAGE_SPLIT - - PAGE_DELETE ASSIGN_LSN",
  Sequence: "LOG",
  SPGist: "- ADD_LEAF MOVE_LEAFS ADD_NODE SPLIT_TUPLE PICKSPLIT VACUUM_LEAF VACUUM_ROOT VACUUM_REDIRECT",
  BRIN: "CREATE_INDEX INSERT* UPDATE* SAMEPAGE_UPDATE REVMAP_EXTEND DESUMMARIZE",
  ReplicationOrigin: "SET DROP",
  Generic: "Generic",
  LogicalMessage: "MESSAGE",
};
