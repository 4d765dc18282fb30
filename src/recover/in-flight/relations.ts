import { messageOf } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { RecoveryFleet } from "../context.ts";
import type { TouchedRelation } from "../../wal/open-transactions.ts";

/** `table` is the relation itself, or the table of an index or TOAST table. */
export type RelationName = Readonly<{ database: string; relation: string; table: string }>;

/**
 * Names of relations from the places of their files, asked of the new primary's catalogue, one connection a database.
 * A file that was written anew since (VACUUM FULL, TRUNCATE, a rewrite) is not found there.
 */
export async function nameRelations(
  fleet: RecoveryFleet,
  primary: Readonly<{ cluster: string; node: string; connection: Connection }>,
  touched: readonly TouchedRelation[],
): Promise<{ names: ReadonlyMap<string, RelationName>; unseen: readonly string[] }> {
  const names = new Map<string, RelationName>();
  const unseen: string[] = [];
  const databases = await primary.connection.query<{ oid: string; name: string; tablespace: string; open: boolean }>(
    "select oid::text, datname as name, dattablespace::text as tablespace, datallowconn as open from pg_database",
  );
  const wanted = Map.groupBy(touched, ({ database }) => database);
  for (const [oid, relations] of wanted) {
    const database = databases.find((each) => (oid === 0 ? each.open : each.oid === String(oid)));
    if (database === undefined || !database.open) {
      unseen.push(`the database with the oid ${oid} is not on the new primary, or takes no connections`);
      continue;
    }
    try {
      const connection = await fleet.connect(primary.cluster, primary.node, { database: database.name });
      try {
        const rows = await connection.query<{ tablespace: string; file: string; relation: string; table: string }>(
          `select f.tablespace::text, f.file::text, r.oid::regclass::text as relation,
              coalesce(i.indrelid, t.oid, r.oid)::regclass::text as table
             from unnest($1::oid[], $2::oid[]) as f(tablespace, file)
             join pg_class r on r.oid = pg_filenode_relation(case when f.tablespace = $3::oid then 0 else f.tablespace end, f.file)
             left join pg_index i on i.indexrelid = r.oid left join pg_class t on t.reltoastrelid = r.oid`,
          [relations.map((each) => each.tablespace), relations.map((each) => each.relation), database.tablespace],
        );
        for (const { tablespace, file, relation, table } of rows)
          names.set(`${tablespace}/${oid}/${file}`, { database: oid === 0 ? "" : database.name, relation, table });
      } finally {
        await connection.close();
      }
    } catch (error) {
      unseen.push(`the relations of ${database.name} cannot be named: ${messageOf(error)}`);
    }
  }
  return { names, unseen };
}
