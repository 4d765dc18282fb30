import { BlackstartError } from "../../base/error.ts";
import { resourceManagerIds, resourceManagerName } from "../format.ts";
import type { WalRecord } from "../record.ts";

/** Which records are wanted; a record is, when all that is given holds for it. Plain data: workers are sent it. */
export type DumpQuery = Readonly<{
  /** From this place up to before that one. */
  from?: number;
  to?: number;
  limit?: number;
  xids?: readonly number[];
  resourceManagers?: readonly number[];
  /** Those with a block of one of these. */
  relations?: readonly RelationQuery[];
}>;

type RelationQuery = Readonly<{ tablespace?: number; database?: number; relation: number }>;

/** What to ask of a decoded record; undefined when every record is wanted. */
export function recordFilter(query: DumpQuery): ((record: WalRecord) => boolean) | undefined {
  const { xids, resourceManagers, relations } = query;
  if (xids === undefined && resourceManagers === undefined && relations === undefined) return undefined;
  return (record) =>
    (xids === undefined || xids.includes(record.xid)) &&
    (resourceManagers === undefined || resourceManagers.includes(record.resourceManager)) &&
    (relations === undefined || touches(record, relations));
}

function touches(record: WalRecord, relations: readonly RelationQuery[]): boolean {
  for (let index = 0; index < record.blockCount; index++) {
    const block = record.blocks[index];
    if (block === undefined) continue;
    for (const { tablespace, database, relation } of relations)
      if (
        block.relation === relation &&
        (database === undefined || block.database === database) &&
        (tablespace === undefined || block.tablespace === tablespace)
      )
        return true;
  }
  return false;
}

/** `1663/5/16385`, `5/16385` or `16385`: tablespace, database and file of a relation, as pg_relation_filepath tells. */
export function relationQuery(text: string): RelationQuery {
  const parts = text.split("/").map(Number);
  if (!/^\d+(\/\d+){0,2}$/.test(text) || parts.some((part) => part > 0xffffffff))
    throw usage(
      `--relation ${text} is not understood.`,
      "A relation is named in the log by the numbers of its file.",
      "Ask the server: `select pg_relation_filenode('table')`, or give tablespace/database/file.",
    );
  const [relation = 0, database, tablespace] = parts.reverse();
  return {
    relation,
    ...(database === undefined ? {} : { database }),
    ...(tablespace === undefined ? {} : { tablespace }),
  };
}

/** As pg_waldump spells it, in any case. */
export function resourceManagerQuery(name: string): number {
  const found = resourceManagerIds().find((id) => resourceManagerName(id).toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw usage(
    `--rmgr ${name}: there is no such resource manager.`,
    "Each record belongs to the part of the server that replays it.",
    `Choose from ${resourceManagerIds().slice(0, 22).map(resourceManagerName).join(", ")}, and custom128 to custom255.`,
  );
}

function usage(what: string, why: string, next: string): BlackstartError {
  return new BlackstartError("USAGE", { what, why, next });
}
